"""`snnconv convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnconv.cli.conversion_output import print_conversion
from snnconv.cli.options import (
    DATA_HELP,
    MOST_LEVELS,
    examples,
    input_options,
    json_option,
    load_model,
    output_path,
    pretrained_option,
    refuse_pretrained,
    seed_option,
    warn_of_unknown_pixels,
)
from snnconv.cli.output import print_json, track

MOST_TIMESTEPS = 1024  # far beyond what is of use, yet carried by memory


@click.command(
    epilog=examples(
        "snnconv convert resnet18.onnx --timesteps 4 --calibration-data imagefolder:photos",
        "snnconv convert timm:resnet18 -T 2 -L 8 --calibration-data csv:labels.csv --calibration-images 256",
        "snnconv convert resnet18.onnx --total-levels auto:8 --calibration-data imagefolder:photos",
    )
)
@click.argument("source")
@click.option(
    "-T",
    "--timesteps",
    type=click.IntRange(1, MOST_TIMESTEPS),
    metavar="T",
    default=4,
    show_default=True,
    help="Time steps.",
)
@click.option(
    "-L",
    "--levels",
    type=click.IntRange(1, MOST_LEVELS),
    metavar="L",
    help="Firing levels of one step; N = L*T.  [default: 4, or a QCFS file's N/T]",
)
@click.option(
    "-N",
    "--total-levels",
    metavar="N|auto:FLOOR",
    help="N = L*T of every site, or chosen for each site by sensitivity: FLOOR at least, 8 times that at most.",
)
@click.option(
    "--budget-energy-pj",
    type=click.FloatRange(0, min_open=True),
    metavar="E",
    help="Of auto:FLOOR: the choice closest to SOURCE whose image costs at most so many picojoules, as estimated.",
)
@click.option(
    "--budget-accuracy",
    type=click.FloatRange(0, 100, min_open=True),
    metavar="P",
    help="Of auto:FLOOR: the cheapest choice that gives P % of the calibration images the class SOURCE gives them.",
)
@click.option(
    "--coupling",
    type=click.Choice(["mean", "causal"]),
    default="mean",
    show_default=True,
    help="What a neuron sees before it fires: the mean of its window (exact), or each step by itself.",
)
@click.option("--calibration-data", metavar="DATA", help=f"Unlabelled images: {DATA_HELP}.")
@click.option(
    "--calibration-images",
    type=click.IntRange(1),
    metavar="N",
    default=1024,
    show_default=True,
    help="Use at most so many of them.",
)
@click.option(
    "--calibration",
    type=click.Choice(["auto", "max", "percentile", "mse", "balance", "bias", "reconstruct"]),
    default="auto",
    show_default=True,
    help="How ceilings and biases are found; auto: reconstruct where the budget allows, else bias.",
)
@click.option(
    "--ceilings",
    type=click.Choice(["channel", "layer"]),
    default="channel",
    show_default=True,
    help="One ceiling a channel, or one a layer.",
)
@click.option("--reconstruct-weights", is_flag=True, help="Let reconstruct move weights as well.")
@click.option(
    "--reconstruct-epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Passes of reconstruct over the images, a block.  [default: 10, or what fits the budget]",
)
@click.option(
    "--calibration-budget",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=120,
    show_default=True,
    help="What auto may take, as estimated for two cores.",
)
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
    from snnconv.convert import CalibrationSettings
    from snnconv.convert import convert as run
    from snnconv.formats.onnx import save

    refuse_pretrained(source)
    target = output_path(output, source, "-snn", options)
    model = load_model(source, options)
    if options["calibration_data"] is not None:
        warn_of_unknown_pixels(model)
    kept = target.with_name(f"{target.name}.reconstruction")
    snn = run(
        model,
        timesteps=options["timesteps"],
        levels=options["levels"],
        total_levels=options["total_levels"],
        budget_energy_pj=options["budget_energy_pj"],
        budget_accuracy=options["budget_accuracy"],
        coupling=options["coupling"],
        calibration_data=options["calibration_data"],
        calibration_images=options["calibration_images"],
        calibration=CalibrationSettings(
            options["calibration"],
            options["ceilings"],
            options["reconstruct_weights"],
            options["reconstruct_epochs"],
            options["calibration_budget"],
        ),
        keep=kept,
        merge_linear=options["merge_linear"],
        seed=options["seed"],
        progress=track,
    )
    save(snn, target)
    kept.unlink(missing_ok=True)
    if as_json:
        print_json({"source": source, "output": str(target), **snn.report.to_dict()})
    else:
        print_conversion(snn.report, snn, target)
