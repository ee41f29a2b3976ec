"""`snnconv report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.input_options import input_options, load_model, load_reference, warn_of_unknown_pixels
from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import (
    examples,
    files_of_data,
    json_option,
    labelled,
    labels_option,
    pretrained_option,
    refuse_pretrained,
)
from snnconv.cli.output import print_json, print_line, track

if TYPE_CHECKING:
    from snnconv.reporting import Report

LIMIT, SITE_IMAGES = 1024, 64  # as snnconv.report has them, which is not imported for a help text


@click.command(
    epilog=examples("snnconv report resnet18-snn.onnx --data imagefolder:photos --against resnet18.onnx -o report.html")
)
@click.argument("file")
@click.option("--data", "data", cls=DataOption, required=True, metavar="DATA", help=f"Images: {DATA_HELP}.")
@click.option(
    "--against", metavar="FILE", help="The network it was made from: predictions and activations are compared."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page; its numbers are written beside it, as .json.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=LIMIT,
    show_default=True,
    help="Classify the first N images.",
)
@click.option(
    "--site-images",
    type=click.IntRange(1),
    metavar="N",
    default=SITE_IMAGES,
    show_default=True,
    help="Watch sites and count operations on the first N of them.",
)
@click.option(
    "--shown", type=click.IntRange(0), metavar="N", default=12, show_default=True, help="Images of each kind to show."
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "float64"]),
    default="auto",
    show_default=True,
    help="In float64 no rounding moves a value over a level; auto takes it for networks with levels, on a CPU.",
)
@click.option(
    "--energy-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Costs of operations (docs/energy.md).",
)
@labels_option
@pretrained_option(default=True)
@input_options
@json_option
def report(file: str, data: str, against: str | None, output: Path, as_json: bool, **options: Any) -> None:
    """Write one page about FILE (any stage) on DATA: how good it is, how fast, and where it differs."""
    from snnconv.data import open_data
    from snnconv.evaluation import EnergyModel
    from snnconv.reporting import ReportOptions
    from snnconv.reporting import report as run

    refuse_pretrained(file, against)
    data = labelled(data, options)
    _check_paths(output, data, file, against)
    path = options["energy_model"]
    chosen = ReportOptions(
        limit=options["limit"],
        site_images=options["site_images"],
        shown=options["shown"],
        precision=options["precision"],
        energy_model=EnergyModel.default() if path is None else EnergyModel.load(path),
        command=click.get_current_context().obj,
    )
    model = load_model(file, options, data)
    warn_of_unknown_pixels(model)
    images = open_data(data, model.input, purpose="eval")
    other = load_reference(against, options, model)
    numbers = run(model, images, output, against=other, options=chosen, progress=track)
    if as_json:
        print_json(numbers.to_dict())
    else:
        _print(numbers, output)


def _check_paths(output: Path, data: str, *networks: str | None) -> None:
    """Refuse, before any work, a page that cannot be written."""
    from snnconv.reporting.write import check_output

    check_output(output, [*(name for name in networks if name is not None), *files_of_data(data)])


def _print(numbers: Report, output: Path) -> None:
    from snnconv.reporting.summary_view import verdict
    from snnconv.reporting.write import numbers_beside

    print_line(verdict(numbers))
    for site in numbers.worst_first()[:1]:
        if site.badness:
            print_line(f"Worst site: {site.number} {numbers.label_of(site)} ({100 * site.badness:.2f} % off).")
    print_line(f"Wrote {output} and {numbers_beside(output)}.")
