"""`snnconv export`: the options of every target; what a target does with them stands in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli import export_hardware, export_nir, export_onnx
from snnconv.cli.export_request import ExportRequest, Target
from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import examples, input_options, json_option, refuse, require

__all__ = ["export"]

TARGETS: dict[str, Target] = {
    "onnx": export_onnx.TARGET,
    "nir": export_nir.TARGET,
    "hardware": export_hardware.TARGET,
}


@click.command(
    epilog=examples(
        "snnconv export resnet18-snn.onnx --int8 --data imagefolder:photos -o resnet18-int8.onnx",
        "snnconv export resnet18-snn.onnx --form collapsed -o resnet18-quantized.onnx",
        "snnconv export resnet18-causal.onnx --form single-step -o resnet18-step.onnx",
        "snnconv export resnet18-causal.onnx --to nir -o resnet18.nir",
        "snnconv export resnet18-snn.onnx --to hardware --data imagefolder:photos -o resnet18-hardware",
    )
)
@click.argument("file")
@click.option("--to", "target", type=click.Choice(list(TARGETS)), default="onnx", show_default=True, help="Format.")
@click.option(
    "--form",
    type=click.Choice(["stepped", "collapsed", "single-step"]),
    help="Of onnx: the T steps of an SNN in one call, the quantized network that it equals in one pass, or one step a "
    "call, its state given and returned.  [default: stepped; of --int8 collapsed where it equals one]",
)
@click.option("--int8", is_flag=True, help="Of onnx: weights and activations in 8-bit integers, levels exact.")
@click.option("--exact-reset", is_flag=True, help="Of nir: reset by subtraction, built of NIR's primitives.")
@click.option("--unit-thresholds", is_flag=True, help="Of nir: every threshold 1, as some simulators ask.")
@click.option(
    "--weight-bits",
    type=click.IntRange(2, 16),
    metavar="N",
    help="Of hardware: bits of a weight, 2 to 16.  [default: 8]",
)
@click.option(
    "--data", cls=DataOption, metavar="DATA", help=f"Compare what is written with FILE on images: {DATA_HELP}."
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Compare the first N images.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PATH", help="Where to write.")
@input_options
@json_option
def export(
    file: str,
    target: str,
    data: str | None,
    limit: int | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a converted network FILE for other software, and show that it answers alike."""
    chosen = TARGETS[target]
    for name, other in TARGETS.items():
        refuse(sorted(other.options - chosen.options), f"of --to {name}, not of --to {target}; leave it out")
    require(data is not None or limit is None, "--limit counts images to compare: give --data.")
    chosen.write(ExportRequest(file, target, data, limit, output, as_json, options))
