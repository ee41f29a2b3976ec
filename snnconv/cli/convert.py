"""`snnconv convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from snnconv.cli.output import print_json, print_line, print_table, track

if TYPE_CHECKING:
    from snnconv.convert import CalibrationReport, CausalReport, ConversionReport


MOST_TIMESTEPS = 1024  # far beyond what is of use, yet carried by memory


@click.command(
    epilog=examples(
        "snnconv convert resnet18.onnx --timesteps 4 --calibration-data imagefolder:photos",
        "snnconv convert timm:resnet18 -T 2 -L 8 --calibration-data csv:labels.csv --calibration-images 256",
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
    default=600,
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
    from snnconv.export import save

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
        _print(snn.report, target)


def _print(report: ConversionReport, target: Path) -> None:
    check = report.verification
    if report.method is not None:
        _print_method(report.method)
    if report.causal is not None:
        _print_causal(report.causal)
    print_table(
        f"T={report.timesteps}, L={report.levels}, N={report.total_levels}, {report.coupling} coupling. Calibration: "
        f"{report.calibration}. Mean absolute errors in % of the mean activation, on {check.images} images.",
        (
            "site",
            "ceilings",
            "lowest",
            "highest",
            "clipping",
            "quantization",
            "unevenness",
            "ANN-SNN/ceiling",
        ),
        [
            (
                site.name,
                site.ceilings,
                f"{site.ceiling_min:.4g}",
                f"{site.ceiling_max:.4g}",
                *(f"{100 * error:.2f}" for error in (site.clipping, site.quantization, site.unevenness)),
                f"{site.difference:.1e}",
            )
            for site in check.sites
        ],
    )
    if report.coupling == "mean":
        verdict = f"the SNN equals its quantized ANN at every site to {check.tolerance:.0e} of the ceiling"
    else:
        verdict = (
            f"causal coupling: the SNN names the class of its quantized ANN on {check.agreement:.0f} % of the images"
        )
    print_line(
        f"Verified in double precision: {verdict}; largest difference of the outputs {check.logits_difference:.1e}."
    )
    if report.on_means:
        print_line(f"Computed once, on time means: {', '.join(report.on_means)}.")
    print_line(f"Wrote {target} in {report.wall_s:.1f} s.")


def _print_method(method: CalibrationReport) -> None:
    why = f", chosen because {method.reason}" if method.reason else ""
    print_line(f"Calibration: {method.method}{why}.")
    if method.blocks:
        before, after = (
            100 * sum(getattr(block, when) for block in method.blocks) / len(method.blocks)
            for when in ("before", "after")
        )
        better = sum(block.after < block.before for block in method.blocks)
        print_line(
            f"Reconstruction: {better} of {len(method.blocks)} blocks got closer to the ANN's; mean squared error of a "
            f"block {before:.3g} -> {after:.3g} % of its variance."
        )


def _print_causal(causal: CausalReport) -> None:
    sites = causal.sites
    before, after = (100 * sum(getattr(site, when) for site in sites) / len(sites) for when in ("before", "after"))
    lowest, highest = min(site.initial_min for site in sites), max(site.initial_max for site in sites)
    print_line(
        f"Steps calibrated on {causal.images} images: initial potentials {lowest:.3g} to {highest:.3g} thresholds, "
        f"biases of {sum(site.bias is not None for site in sites)} of {len(sites)} sites; mean squared error of a "
        f"site's time mean {before:.3g} -> {after:.3g} % of its activation's."
    )
