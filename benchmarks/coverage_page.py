"""Write docs/coverage.md from the results of `benchmarks.coverage`; nothing is measured.

    python -m benchmarks.coverage_page benchmarks/results/coverage.json --output docs/coverage.md

`--unshifted benchmarks/results/coverage-unshifted.json` adds the part about networks without shifts.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Any

from benchmarks.coverage import FEW_PARAMETERS, FIGURES, IMAGES, LAST_SCALE, LEVELS, TIMESTEPS
from benchmarks.coverage_causes import count_causes, short_causes

Row = dict[str, Any]

WIDTH = 120
COMMON = 2  # networks that a cause must stand in to have a line of its own

HEAD = """# Coverage of timm

Which architectures of [timm](https://github.com/huggingface/pytorch-image-models) {timm} import and convert, and what
stands in the way of the others. Weights are random with a fixed seed, so this says *what* converts;
[conversion.md](conversion.md) says how accurately trained networks do.

{summary}

```sh
python -m benchmarks.coverage --jobs 2 --output benchmarks/results/coverage.json
python -m benchmarks.coverage --jobs 2 --shift 0 --output benchmarks/results/coverage-unshifted.json
python -m benchmarks.coverage_page benchmarks/results/coverage.json \\
    --unshifted benchmarks/results/coverage-unshifted.json --output docs/coverage.md
```

The last command writes this page from the results; it measures nothing.

## Which networks

Of every family of timm the smallest network is taken, by number of parameters. Where that one is not made of ReLU and
its kin but another of the family is, the smallest such network is taken too. Some widely used networks are added.

## What is refused

Every obstacle is named before any work begins. These causes stand in {common} networks or more:

| cause | networks | nodes |
|---|---|---|
{causes}

## How it was measured

* **Conversion**: T={timesteps}, L={levels} (N={total}), `calibration="bias"` with {images} synthetic images.
* **Batch-norms** have the statistics of {images} synthetic images. Scales that timm starts at 0 are set to {scale},
  since else most of a network would pass nothing on.
* **Shifts of batch-norms** are {shift:g}: about 84 % of the units behind them are then active. With 0, as timm starts
  them, random deep networks are chaotic ([below](#without-shifts)).
* **Side of the images**: networks with more than {few} million parameters see smaller images, where they can.

## Converted

* **error**: distance of the quantized network's logits to those of the ANN on {images} other synthetic images, relative
  to the ANN's. Both are centred over the images: a network with the same logits for every image has an error of 1.
* **fitted**: the same on the calibration images. So few images do not show all that deep layers can meet: where this is
  small and the error is not, activations of other images passed the ceilings.
* **rounding**: how far the ANN's own logits move if every active unit of every site is given noise of the size of its
  rounding (uniform, one level wide). An error of this size is what N levels cost this network. Only what is above it
  can be the conversion's fault.
* **noise**: how far the ANN's own logits move if noise of 1 % is added to the images. A large figure means that the
  network magnifies small differences.
* **s**: seconds for loading, converting and comparing.

{medians}

| network | family | sites | error | fitted | rounding | noise | side | s |
|---|---|---|---|---|---|---|---|---|
{converted}

## Refused

In brackets the number of nodes.

| network | family | refused for | s |
|---|---|---|---|
{refused}
"""

UNSHIFTED = """
## Without shifts

The same networks with batch-norm shifts of 0 (`--shift 0`):

{figures}

Noise of 1 % alone moves the logits of these networks as far as the last line says: they magnify whatever is added to
them, the rounding to N={total} levels too. Trained networks do not ([calibration.md](calibration.md#figures)).
"""


def page(rows: Sequence[Row], where: dict[str, Any], shift: float) -> str:
    """Return the document up to the part without shifts: converted networks first, then the others."""
    counts = Counter(row["outcome"] for row in rows)
    outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("converted", "failed", "refused"))
    ordered = sorted(rows, key=lambda row: (row["family"], row["network"]))
    return HEAD.format(
        timm=where["timm"],
        images=IMAGES,
        timesteps=TIMESTEPS,
        levels=LEVELS,
        total=TIMESTEPS * LEVELS,
        scale=LAST_SCALE,
        few=FEW_PARAMETERS // 1_000_000,
        shift=shift,
        common=("no", "one", "two")[COMMON],
        causes="\n".join(cause_lines(rows)),
        summary=fill(
            f"**{len(rows)} networks: {outcomes}.** Measured on {where['cores']} cores ({where['processor']}), "
            f"{where['date']}.",
            WIDTH,
        ),
        medians=median_table(rows),
        converted="\n".join(_converted_line(row) for row in ordered if row["outcome"] == "converted"),
        refused="\n".join(_refused_line(row) for row in ordered if row["outcome"] != "converted"),
    )


def cause_lines(rows: Sequence[Row]) -> list[str]:
    """Return a line for each common cause: how many networks and how many nodes it stands in the way of."""
    networks: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    for row in rows:
        counts = count_causes(row.get("reasons", {}))
        networks.update(counts.keys())
        nodes.update(counts)
    return [
        f"| {name} | {count} | {nodes[name]:,} |"
        for name, count in sorted(networks.items(), key=lambda item: (-item[1], -nodes[item[0]], item[0]))
        if count >= COMMON
    ]


def median_table(rows: Sequence[Row]) -> str:
    """Return the median and the largest of each figure over the networks that converted, as a table."""
    values = {key: [row[key] for row in rows if key in row] for key in FIGURES}
    return "\n".join(
        [
            "| over all that converted | median | largest |",
            "|---|---|---|",
            *(f"| {key} | {median(column):.3f} | {max(column):.3f} |" for key, column in values.items() if column),
        ]
    )


def unshifted(rows: Sequence[Row]) -> str:
    """Return the last part of the document: the figures of a run with `--shift 0`."""
    return UNSHIFTED.format(figures=median_table(rows), total=TIMESTEPS * LEVELS)


def _converted_line(row: Row) -> str:
    figures = [f"{row[key]:.3f}" for key in FIGURES]
    return _line([row["network"], row["family"], row["sites"], *figures, row["side"], row["seconds"]])


def _refused_line(row: Row) -> str:
    causes = ", ".join(short_causes(row["reasons"]))
    failed = "failed: " if row["outcome"] == "failed" else ""
    return _line([row["network"], row["family"], failed + causes, row["seconds"]])


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"


def main() -> None:
    """Read the results, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="JSON of benchmarks.coverage")
    parser.add_argument("--unshifted", type=Path, help="JSON of a run with --shift 0")
    parser.add_argument("--output", type=Path, required=True, help="the page")
    options = parser.parse_args()
    results = json.loads(options.results.read_text())
    text = page(results["rows"], results["environment"], results["shift"])
    if options.unshifted:
        text += unshifted(json.loads(options.unshifted.read_text())["rows"])
    options.output.write_text(text)


if __name__ == "__main__":
    main()
