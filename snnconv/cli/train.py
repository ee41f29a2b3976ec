"""`snnconv train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.options import DATA_HELP, MOST_LEVELS, examples, input_options, json_option, output_path, seed_option
from snnconv.cli.output import print_json, print_line, track

if TYPE_CHECKING:
    from snnconv.finetune import EpochMetrics


@click.command(
    epilog=examples(
        "snnconv train --model timm:resnet18 --data cifar10:DIR --total-levels 8 --epochs 300 -o resnet18-qcfs.onnx",
        "snnconv convert resnet18-qcfs.onnx --timesteps 4",
    )
)
@click.option("--model", required=True, metavar="NAME", help="timm:NAME, zoo:small-cnn, or an ONNX file.")
@click.option("--data", required=True, metavar="DATA", help=f"Labelled images: {DATA_HELP}.")
@click.option("--eval-data", metavar="DATA", help="Classified after every epoch; does not influence the training.")
@click.option(
    "-N",
    "--total-levels",
    type=click.IntRange(1, MOST_LEVELS),
    metavar="N",
    default=8,
    show_default=True,
    help="Levels of every activation; N = L*T later.",
)
@click.option(
    "--epochs", type=click.IntRange(1), metavar="N", default=300, show_default=True, help="Passes over the data."
)
@click.option(
    "--batch-size", type=click.IntRange(1), metavar="N", default=128, show_default=True, help="Images a step."
)
@click.option("--lr", default=0.1, show_default=True, help="Learning rate at its highest.")
@click.option("--weight-decay", default=5e-4, show_default=True, help="Of all parameters.")
@click.option("--momentum", default=0.9, show_default=True, help="Of sgd and nesterov.")
@click.option(
    "--optimizer",
    default="sgd",
    show_default=True,
    type=click.Choice(["sgd", "nesterov", "adam", "adamw"]),
    help="timm's.",
)
@click.option(
    "--scheduler",
    default="cosine",
    show_default=True,
    type=click.Choice(["cosine", "step", "none"]),
    help="timm's.",
)
@click.option("--warmup-epochs", default=0, show_default=True, help="Epochs in which the learning rate rises.")
@click.option("--initial-ceiling", default=8.0, show_default=True, help="Ceiling of every activation at the start.")
@click.option("--label-smoothing", default=0.0, show_default=True, help="Share of the target spread over all classes.")
@click.option("--augment/--no-augment", default=True, show_default=True, help="Shift, crop and flip images.")
@click.option("--average-pool/--max-pool", default=True, show_default=True, help="Pooling of the network.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to.  [default: NAME-qcfs.onnx here]")
@input_options
@seed_option
@json_option
def train(model: str, output: Path | None, as_json: bool, **options: Any) -> None:
    """Train a network with quantized activations (QCFS), which converts to a spiking network without loss."""
    from snnconv.export import save
    from snnconv.finetune import TrainSettings, build_network
    from snnconv.finetune import train as run
    from snnconv.zoo import describe_data, open_data

    target = output_path(output, model, "-qcfs")
    names = set(TrainSettings.__dataclass_fields__)
    settings = TrainSettings(**{name: value for name, value in options.items() if name in names})
    network = build_network(
        model,
        describe_data(options["data"], purpose="train"),
        pretrained=options["pretrained"],
        seed=options["seed"],
        **{name: options[name] for name in ("size", "resize", "mean", "std")},
    )
    held_out = options["eval_data"]
    log: list[dict[str, Any]] = []

    def report(metrics: EpochMetrics) -> None:
        log.append(metrics.__dict__)
        seen = "" if metrics.eval_accuracy is None else f", held out {100 * metrics.eval_accuracy:.2f} %"
        click.echo(
            f"epoch {metrics.epoch}/{settings.epochs}: loss {metrics.loss:.4f}, "
            f"training {100 * metrics.accuracy:.2f} %{seen}, "
            f"{metrics.wall_s:.1f} s",
            err=True,
        )

    trained = run(
        network,
        open_data(options["data"], network.input, purpose="train"),
        settings,
        eval_data=None if held_out is None else open_data(held_out, network.input, purpose="eval"),
        progress=track,
        on_epoch=report,
    )
    save(trained, target)
    if as_json:
        print_json({"model": model, "output": str(target), "total_levels": settings.total_levels, "epochs": log})
    else:
        print_line(f"Wrote {target}. Next: snnconv convert {target} --timesteps 4")
