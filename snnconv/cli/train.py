"""`snnconv train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli.input_options import input_options, shapes_by_name, warn_of_unknown_pixels
from snnconv.cli.neuron_options import neuron_options, neuron_settings
from snnconv.cli.options import (
    examples,
    json_option,
    labelled,
    output_path,
    pretrained_option,
    refuse,
    refuse_pretrained,
    require,
    seed_option,
)
from snnconv.cli.training_options import (
    data_options,
    loop_options,
    own_options,
    refuse_idle,
    resume_option,
)
from snnconv.cli.training_run import carry_out, is_main_process, tell_finished
from snnconv.finetune.settings import TrainSettings, why_no_rmp_loss

OF_NEURONS = ("threshold_norm", "train_ceilings")
OF_QUANTIZED = ("total_levels", "initial_ceiling")


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
@neuron_options
@own_options(TrainSettings)
@loop_options(TrainSettings)
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
    from snnconv.finetune import RunFiles
    from snnconv.finetune import train as run
    from snnconv.finetune.build import build_network, description_for
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
    data = labelled(options["data"], options)
    network = build_network(
        model,
        description_for(model, data),
        data=data,
        input_shapes=shapes_by_name(options),
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
    """Return the settings that the options state.

    Raises:
        InvalidValueError: Options do not go together, or a value is outside what is allowed.
    """
    neuron = neuron_settings(options)
    if neuron is None:
        refuse(OF_NEURONS, "only neurons have that; give --neuron too, or leave it out")
        potentials = "it regularises membrane potentials, which only neurons have; give --neuron too, or leave it out"
        require(not options["rmp_loss"], f"--rmp-loss: {potentials}.")
    else:
        refusal = why_no_rmp_loss(neuron.kind)
        kind = f"--rmp-loss does not work with --neuron {neuron.kind}"
        require(refusal is None or not options["rmp_loss"], f"{kind}: {refusal}. Leave one of them out.")
        refuse(OF_QUANTIZED, f"only a quantized network has that; leave it out, or --neuron {neuron.kind}")
    return TrainSettings.chosen(options, neuron=neuron)
