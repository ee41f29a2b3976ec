"""`snnconv train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.options import (
    MOST_LEVELS,
    examples,
    input_options,
    json_option,
    output_path,
    pretrained_option,
    refuse,
    refuse_pretrained,
    require,
    seed_option,
    warn_of_unknown_pixels,
)
from snnconv.cli.training_options import (
    chosen,
    data_options,
    loop_options,
    refuse_idle,
    resume_option,
)
from snnconv.cli.training_run import carry_out, is_main_process, tell_finished

if TYPE_CHECKING:
    from snnconv.finetune import TrainSettings

OF_NEURONS = ("threshold_norm", "train_ceilings")
OF_QUANTIZED = ("total_levels", "initial_ceiling")
NEURON = ("timesteps", "levels", "ceiling", "decay", "reset", "mpr", "surrogate", "coupling", "initial")


@click.command(
    epilog=examples(
        "snnconv train --model timm:resnet18 --data cifar10:DIR --total-levels 8 --epochs 300 -o resnet18-qcfs.onnx",
        "snnconv convert resnet18-qcfs.onnx --timesteps 4",
        "snnconv train --model zoo:resnet18 --neuron lmht -T 2 -L 2 --data cifar10:DIR --optimizer nesterov --lr 0.025",
        "snnconv train --model zoo:ds-resnet20 --neuron mlf -T 4 --data cifar10:DIR --epochs 110",
        "snnconv train --model zoo:resnet8 --neuron lif -T 8 --data events:nmnist.npz --epochs 20",
    )
)
@click.option("--model", required=True, metavar="NAME", help="timm:NAME, zoo:NAME (snnconv zoo list), or an ONNX file.")
@data_options
@click.option(
    "--neuron",
    type=click.Choice(["mht", "lmht", "if", "lif", "mlf"]),
    help="Train a spiking network of these from scratch.  [default: none, a quantized network]",
)
@click.option(
    "-N",
    "--total-levels",
    type=click.IntRange(1, MOST_LEVELS),
    metavar="N",
    default=8,
    show_default=True,
    help="Levels of every quantized activation; N = L*T later.",
)
@click.option(
    "-T", "--timesteps", type=click.IntRange(1, 1024), metavar="T", help="Of neurons: time steps.  [default: 4]"
)
@click.option(
    "-L",
    "--levels",
    type=click.IntRange(1, MOST_LEVELS),
    metavar="L",
    help="Of neurons: firing levels of a step.  [default: mht, lmht 2; if, lif 1; mlf 3]",
)
@click.option("--reset", type=click.Choice(["soft", "hard"]), help="Of if and lif.  [default: soft]")
@click.option(
    "--initial",
    type=float,
    metavar="V",
    help="Of lmht: the membrane potential that a window starts with, in thresholds.  [default: 0.5]",
)
@click.option("--decay", type=float, help="Of lif and mlf: share of the potential left after a step.  [default: 0.25]")
@click.option("--mpr", is_flag=True, help="Of all but mlf: train with the membrane potential rectifier.")
@click.option(
    "--surrogate",
    metavar="NAME[:NUMBER]",
    help="Of if, lif and mlf: rectangular, triangular, tanh, arctan or sigmoid.  [default: rectangular:1]",
)
@click.option("--coupling", type=click.Choice(["mean", "causal"]), help="Of mht.  [default: causal]")
@click.option("--ceiling", type=float, help="Of neurons: largest mean output.  [default: mht, lmht 2; else L]")
@click.option(
    "--threshold-norm/--plain-norm", default=True, show_default=True, help="Batch-norms start at the threshold."
)
@click.option("--train-ceilings", is_flag=True, help="Of neurons: train thresholds too.")
@click.option("--initial-ceiling", default=8.0, show_default=True, help="Of quantized activations, at the start.")
@click.option("--average-pool/--max-pool", default=True, show_default=True, help="Pooling of the network.")
@loop_options()
@resume_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to.  [default: NAME-qcfs.onnx or NAME-snn.onnx here]"
)
@pretrained_option(default=False)
@input_options
@seed_option
@json_option
def train(model: str, output: Path | None, **options: Any) -> None:
    """Train a network with quantized activations (QCFS), or a spiking network from scratch.

    A quantized network converts to a spiking network without loss. With --neuron the spiking network itself is trained,
    with surrogate gradients.
    """
    from snnconv.data import describe_data
    from snnconv.finetune import RunFiles, build_network
    from snnconv.finetune import train as run
    from snnconv.model import QuantizedANN

    refuse_idle(options)
    refuse_pretrained(model)
    settings = _settings(options)
    target = output_path(output, model, "-qcfs" if settings.neuron is None else "-snn", options)
    files = RunFiles.beside(target, resume=options["resume"])
    if files.is_finished(target):
        tell_finished(target, settings, files.metrics, model, as_json=options["as_json"])
        return
    if is_main_process():
        files.check()
    network = build_network(
        model,
        describe_data(options["data"], purpose="train"),
        pretrained=options["pretrained"],
        timesteps=None if settings.neuron is None else settings.neuron.timesteps,
        seed=options["seed"],
        **{name: options[name] for name in ("size", "resize", "mean", "std")},
    )
    warn_of_unknown_pixels(network)
    if isinstance(network, QuantizedANN) and settings.neuron is None:
        refuse(("initial_ceiling", "average_pool"), f"{model} is quantized already and keeps its own; leave it out")
    carry_out(run, network, settings, files, target, model, options)


def _settings(options: dict[str, Any]) -> TrainSettings:
    from snnconv.finetune import TrainSettings
    from snnconv.neurons import NeuronSettings

    given = {name: options[name] for name in NEURON if options[name] is not None and options[name] is not False}
    kind = options.pop("neuron")
    if kind is None:
        named = ", ".join(f"--{name}" for name in given)
        require(not given, f"{named}: only neurons have that; give --neuron too, or leave it out.")
        refuse(OF_NEURONS, "only neurons have that; give --neuron too, or leave it out")
        trained = "it regularises membrane potentials, which only neurons have; give --neuron too, or leave it out"
        require(not options["rmp_loss"], f"--rmp-loss: {trained}.")
        return TrainSettings(**chosen(TrainSettings, options))
    several = "--rmp-loss does not work with --neuron mlf, which has several membranes."
    require(kind != "mlf" or not options["rmp_loss"], f"{several} Leave one of them out.")
    refuse(OF_QUANTIZED, f"only a quantized network has that; leave it out, or --neuron {kind}")
    return TrainSettings(neuron=NeuronSettings(kind, **given), **chosen(TrainSettings, options))
