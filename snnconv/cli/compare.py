"""`snnconv compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnconv.cli.input_options import input_options, load_model, load_reference, warn_of_unknown_pixels
from snnconv.cli.names import DATA_HELP, DataOption
from snnconv.cli.options import (
    MOST_LEVELS,
    examples,
    files_of_data,
    json_option,
    labelled,
    labels_option,
    pretrained_option,
    refuse_pretrained,
)
from snnconv.cli.output import print_json, print_line, print_table, track

if TYPE_CHECKING:
    from snnconv.reporting import Comparison


def _whole_numbers(_: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """Parse `4` or `1,2,4,8`."""
    if text is None:
        return None
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or any(not 1 <= value <= MOST_LEVELS for value in numbers):
        raise click.BadParameter(
            f"{text!r} is not a list of whole numbers from 1 to {MOST_LEVELS} like 1,2,4.", param=option
        )
    return numbers


def _couplings(_: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Parse one coupling or several, such as `mean,causal`."""
    couplings = () if text is None else tuple(text.split(","))
    if any(coupling not in ("mean", "causal", "differential") for coupling in couplings):
        raise click.BadParameter(
            f"{text!r} must be mean, causal or differential, or several of them like mean,differential.", param=option
        )
    return couplings or None


@click.command(
    epilog=examples(
        "snnconv compare small.onnx large.onnx --data imagefolder:photos --against resnet18.onnx -o compare.html",
        "snnconv compare resnet18-snn.onnx --data imagefolder:photos --timesteps 1,2,4,8 --coupling mean,causal",
    )
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--data", "data", cls=DataOption, required=True, metavar="DATA", help=f"Images: {DATA_HELP}.")
@click.option(
    "--against", metavar="FILE", help="The reference whose outputs are compared; needed without labels or classes."
)
@click.option(
    "--score",
    type=click.Choice(["accuracy", "agreement", "relative-error"]),
    help="Rank networks by this figure.  [default: the first of them that there is]",
)
@click.option(
    "--timesteps", callback=_whole_numbers, metavar="T,T...", help="Try each FILE at these T.  [default: its own]"
)
@click.option(
    "--levels",
    callback=_whole_numbers,
    metavar="L,L...",
    help="Try each FILE at these L a step.  [default: what keeps each site's N = L x T]",
)
@click.option(
    "--coupling",
    callback=_couplings,
    metavar="mean,causal,differential",
    help="Try each FILE under these couplings.  [default: its own]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("compare.html"),
    show_default=True,
    help="The page; its numbers are written beside it, as .json.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Evaluate the first N images.")
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
@click.option(
    "--spike-count",
    type=click.Choice(["unary", "power-of-two", "graded"]),
    help="Count of spikes that the energy column, the front and the picture use (docs/energy.md).  [default: unary; "
    "power-of-two where a FILE sends power-of-two messages]",
)
@labels_option
@pretrained_option(default=True)
@input_options
@json_option
def compare(
    files: tuple[str, ...], data: str, against: str | None, output: Path, as_json: bool, **options: Any
) -> None:
    """Set networks side by side on DATA: accuracy against energy and latency, and which of them none beats.

    One FILE can be tried at several T, L and couplings, its weights and ceilings as they are.
    """
    from snnconv.evaluation import EnergyModel
    from snnconv.reporting import Grid
    from snnconv.reporting import compare as run
    from snnconv.reporting.write import check_output

    refuse_pretrained(*files, against)
    data = labelled(data, options)
    check_output(output, [*files, *(() if against is None else (against,)), *files_of_data(data)])
    grid = Grid(options["timesteps"], options["levels"], options["coupling"])
    path = options["energy_model"]
    energy_model = EnergyModel.default() if path is None else EnergyModel.load(path)
    models = [load_model(file, options, data) for file in files]
    for model in models:
        warn_of_unknown_pixels(model)
    other = load_reference(against, options, models[0])
    numbers = run(
        models,
        data,
        output,
        against=other,
        grid=grid,
        limit=options["limit"],
        precision=options["precision"],
        energy_model=energy_model,
        spike_count=options["spike_count"],
        score=options["score"],
        command=click.get_current_context().obj,
        progress=track,
    )
    if as_json:
        print_json(numbers.to_dict())
    else:
        _print(numbers, output)


def _print(numbers: Comparison, output: Path) -> None:
    from snnconv.reporting.comparison_view import comparison_view
    from snnconv.reporting.write import numbers_beside

    view = comparison_view(numbers)
    print_line(view["verdict"])
    rows = [[cell and cell.partition(" ±")[0] for cell in row] for row in view["rows"]]
    print_table(f"{numbers.images:,} {numbers.noun}s", view["heads"], rows)
    if view["count_rows"]:
        print_table("Energy by the way that spikes are counted", view["count_heads"], view["count_rows"])
    print_line(numbers.energy_note)
    print_line(f"Wrote {output} and {numbers_beside(output)}.")
