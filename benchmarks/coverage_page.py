"""Write docs/coverage.md from the results of `benchmarks.coverage`; nothing is measured.

    python -m benchmarks.coverage_page benchmarks/results/coverage.json --output docs/coverage.md

Networks of the sweep that the results lack are listed as not run.
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

from benchmarks.coverage import FIGURES, sweep_names
from benchmarks.coverage_causes import short_causes
from benchmarks.coverage_network import (
    BUILT,
    FEW_PARAMETERS,
    IMAGES,
    LAST_SCALE,
    LEVELS,
    SHIFT,
    SMALL,
    SPREAD,
    TIMESTEPS,
)

Row = dict[str, Any]

WIDTH = 120
NAMES = {"error": "mean"}  # of figures, where the page has another

HEAD = """# Coverage of timm

Which architectures of [timm](https://github.com/huggingface/pytorch-image-models) {timm} import and convert, and what
stands in the way of the others. Weights are random with a fixed seed, so this says *what* converts;
[conversion.md](conversion.md) says how accurately trained networks do.

{summary}

```sh
python -m benchmarks.coverage --jobs 2 --output benchmarks/results/coverage.json
python -m benchmarks.coverage --resume --output benchmarks/results/coverage.json
python -m benchmarks.coverage_page benchmarks/results/coverage.json --output docs/coverage.md
```

The second command measures what an interrupted run has left; the last writes this page and measures nothing.

## Which networks

Of every family of timm the smallest network is taken, by number of parameters. Where that one is not made of ReLU and
its kin but another of the family is, the smallest such network is taken too. Some widely used networks are added.

## How it was measured

* **Mean coupling**: T={timesteps}, L={levels} (N={total}), `calibration="bias"` with {images} synthetic images.
* **Differential coupling**: T={timesteps}, messages of powers of two, the same images.
* **Batch-norms** have the statistics of {images} synthetic images and shifts of {shift:g}: about 84 % of the units
  behind them are then active. With 0, as timm starts them, random deep networks are chaotic (`--shift 0`).
* **Scales** that timm starts at or near 0 (batch-norms and layer scales at the ends of residual branches) are set to
  {scale}, since else most of a network would pass nothing on; layers whose weights timm starts at 0 get normal ones of
  deviation {spread}.
* **Side of the images**: networks with more than {few} million parameters see the smallest of {sides} pixels that they
  can take or be built for, others images of their own size.

## Converted

* **mean**, **differential**: distance of the spiking network's logits to those of the ANN on {images} other synthetic
  images, relative to the ANN's. Both are centred over the images: a network with the same logits for every image has an
  error of 1.
* **fitted**: that of mean coupling on the calibration images. So few images do not show all that deep layers can meet:
  where this is small and the error is not, activations of other images passed the ceilings.
* **rounding**: how far the logits move if every active unit of every site has noise of the size of its rounding
  (uniform, one level wide) in place of the rounding. An error of this size is what N levels cost this network. Only
  what is above it can be the conversion's fault.
* **noise**: how far the ANN's own logits move if noise of 1 % is added to the images. A large figure means that the
  network magnifies small differences.
* **imported**: largest difference of the imported network's logits to onnxruntime's on the exported file, relative to
  the largest logit.
* **s**, **GiB**: seconds for building or reading, converting twice and comparing, with other work on the same cores;
  peak memory of the process.

{medians}

| network | family | sites | mean | fitted | differential | rounding | noise | imported | side | s | GiB |
|---|---|---|---|---|---|---|---|---|---|---|---|
{converted}
{refused}{unreached}"""

REFUSED = """
## Refused

In brackets the number of nodes.

| network | family | refused for | s |
|---|---|---|---|
{lines}
"""

UNREACHED = """
## Not run

{names}
"""


def page(rows: Sequence[Row], where: dict[str, Any], names: Sequence[str]) -> str:
    """Return the document: converted networks first, then the others.

    Args:
        rows: Results of the networks that were measured.
        where: Environment of the measurement.
        names: All networks of the sweep.
    """
    counts = Counter(row["outcome"] for row in rows)
    outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("converted", "failed", "refused"))
    ordered = sorted(rows, key=lambda row: (row["family"], row["network"]))
    left = [name for name in names if name not in {row["network"] for row in rows}]
    unreached = f", {len(left)} not run" if left else ""
    refused = [_refused_line(row) for row in ordered if row["outcome"] != "converted"]
    return HEAD.format(
        timm=where["timm"],
        images=IMAGES,
        timesteps=TIMESTEPS,
        levels=LEVELS,
        total=TIMESTEPS * LEVELS,
        scale=LAST_SCALE,
        spread=SPREAD,
        few=FEW_PARAMETERS // 1_000_000,
        sides=", ".join(map(str, sorted({*SMALL, *BUILT}))),
        shift=SHIFT,
        summary=fill(
            f"**{len(rows) + len(left)} networks: {outcomes}{unreached}.** Measured on {where['cores']} cores "
            f"({where['processor']}), {where['date']}.",
            WIDTH,
        ),
        medians=median_table(rows),
        converted="\n".join(_converted_line(row) for row in ordered if row["outcome"] == "converted"),
        refused=REFUSED.format(lines="\n".join(refused)) if refused else "",
        unreached=UNREACHED.format(names=fill(", ".join(left), WIDTH)) if left else "",
    )


def median_table(rows: Sequence[Row]) -> str:
    """Return the median and the largest of each figure over the networks that converted, as a table."""
    values = {key: [row[key] for row in rows if key in row] for key in FIGURES}
    return "\n".join(
        [
            "| over all that converted | median | largest |",
            "|---|---|---|",
            *(
                f"| {NAMES.get(key, key)} | {median(column):.2g} | {max(column):.2g} |"
                for key, column in values.items()
                if column
            ),
        ]
    )


def _converted_line(row: Row) -> str:
    figures = [f"{row[key]:.2g}" if key == "imported" else f"{row[key]:.3f}" for key in FIGURES]
    return _line([row["network"], row["family"], row["sites"], *figures, row["side"], row["seconds"], row["gib"]])


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
    parser.add_argument("--output", type=Path, required=True, help="the page")
    options = parser.parse_args()
    results = json.loads(options.results.read_text())
    options.output.write_text(page(results["rows"], results["environment"], sweep_names()))


if __name__ == "__main__":
    main()
