"""`snnconv convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli.conversion_output import print_conversion
from snnconv.cli.input_options import input_options, load_model, warn_of_unknown_pixels
from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import examples, json_option, output_path, pretrained_option, refuse_pretrained, seed_option
from snnconv.cli.output import print_json, track
from snnconv.cli.setting_options import setting_options
from snnconv.convert.allocation.request import LevelsSettings
from snnconv.convert.calibration.settings import CalibrationSettings
from snnconv.convert.coupling_settings import CouplingSettings
from snnconv.options import options_of

__all__ = ["convert"]


@click.command(
    epilog=examples(
        "snnconv convert resnet18.onnx --timesteps 4 --calibration-data imagefolder:photos",
        "snnconv convert timm:resnet18 -T 2 -L 8 --calibration-data csv:labels.csv --calibration-images 256",
        "snnconv convert resnet18.onnx --coupling differential --calibration-data imagefolder:photos",
        "snnconv convert resnet18.onnx --total-levels auto:8 --calibration-data imagefolder:photos",
    )
)
@click.argument("source")
@setting_options(LevelsSettings)
@setting_options(CouplingSettings)
@click.option(
    "--neuron",
    metavar="NAME",
    default="mht",
    show_default=True,
    help="Neurons. Those other than mht have a coupling of their own, and fire as their own rule says.",
)
@click.option("--calibration-data", cls=DataOption, metavar="DATA", help=f"Unlabelled images: {DATA_HELP}.")
@click.option(
    "--calibration-images",
    type=click.IntRange(1),
    metavar="N",
    default=1024,
    show_default=True,
    help="Use at most so many of them.",
)
@setting_options(CalibrationSettings)
@click.option(
    "--merge-linear",
    is_flag=True,
    help="Make one layer of linear layers in a row, and of parallel ones, where that costs no more.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to.  [default: NAME-snn.onnx here]")
@pretrained_option(default=True)
@input_options
@seed_option
@json_option
def convert(source: str, output: Path | None, as_json: bool, **options: Any) -> None:
    """Convert SOURCE (an ONNX file, or timm:NAME) to a spiking network and write it as ONNX."""
    from snnconv.convert import convert as run
    from snnconv.formats.onnx import save

    refuse_pretrained(source)
    target = output_path(output, source, "-snn", options)
    model = load_model(source, options, options["calibration_data"])
    if options["calibration_data"] is not None:
        warn_of_unknown_pixels(model)
    blocks_file = target.with_name(f"{target.name}.reconstruction")
    snn = run(
        model,
        **{name: options[name] for name in options_of(LevelsSettings)},
        **{name: options[name] for name in options_of(CouplingSettings)},
        neuron=options["neuron"],
        calibration_data=options["calibration_data"],
        calibration_images=options["calibration_images"],
        calibration=CalibrationSettings.chosen(options),
        keep=blocks_file,
        merge_linear=options["merge_linear"],
        seed=options["seed"],
        progress=track,
    )
    save(snn, target)
    blocks_file.unlink(missing_ok=True)
    if as_json:
        print_json({"source": source, "output": str(target), **snn.report.to_dict()})
    else:
        print_conversion(snn.report, snn, target)
