"""`snnconv demo`."""

from __future__ import annotations

from pathlib import Path

import click

from snnconv.cli.options import examples, json_option
from snnconv.cli.output import print_json, print_line, print_table, track


@click.command(epilog=examples("snnconv demo", "snnconv demo --output demo-files --json"))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for the two networks and the report.",
)
@json_option
def demo(output: Path, as_json: bool) -> None:
    """Train, convert and evaluate a small network on handwritten digits and report on it, in a minute, offline."""
    from snnconv.demo import run_demo
    from snnconv.evaluation import ENERGY_NOTE

    result = run_demo(output, progress=track)
    if as_json:
        print_json(result.to_dict())
        return
    print_table(
        f"Digits, {result.images} test images; T={result.timesteps}, L={result.levels}, mean coupling",
        ("network", "accuracy %", "agreement %", "spikes per image", "estimated energy per image, unary"),
        [
            (
                row.network,
                f"{row.accuracy:.2f}",
                f"{row.agreement:.2f}",
                None if row.spikes_per_image is None else f"{row.spikes_per_image:.0f}",
                None if row.energy_pj_per_image is None else f"{row.energy_pj_per_image / 1e3:.1f} nJ",
            )
            for row in result.rows
        ],
    )
    print_line("Agreement is with the quantized ANN. The energy:")
    print_line(ENERGY_NOTE)
    print_line(f"Wrote {result.ann_file}, {result.snn_file}, and a page to look at: {result.report_file}.")
