"""Many trainings of one benchmark: each is run once, its result kept as a line of JSON, so that a run can go on."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.environment import environment

__all__ = ["arguments", "run_grid", "summary", "write_report"]


def arguments(description: str | None, seeds: Sequence[int]) -> argparse.ArgumentParser:
    """The options that such benchmarks have in common."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="folder of real networks and data")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--images", type=int)
    parser.add_argument("--threads", type=int, default=1, help="of this process")
    parser.add_argument("--part", default="1/1", help="of the trainings: 1/2 in one process, 2/2 in another")
    parser.add_argument(
        "--lines", type=Path, required=True, help="where the result of each training is kept, a line each"
    )
    parser.add_argument("--output", type=Path, help="write the whole report here (JSON)")
    return parser


def _key(case: Mapping[str, Any]) -> str:
    return json.dumps(case, sort_keys=True)


def run_grid(
    given: argparse.Namespace,
    cases: Iterable[dict[str, Any]],
    run: Callable[[dict[str, Any]], dict[str, Any]],
    settings: dict[str, Any],
) -> list[dict[str, Any]]:
    """Run what is not done yet with these settings; returns the lines of all that is."""
    torch.set_num_threads(given.threads)
    number, parts = (int(word) for word in given.part.split("/"))
    done = {_key(row["case"]) for row in _lines(given.lines, settings)}
    for index, case in enumerate(cases):
        if index % parts != number - 1 or _key(case) in done:
            continue
        start = time.perf_counter()
        row = {"case": case, "settings": settings, **run(case), "wall_s": round(time.perf_counter() - start, 1)}
        with given.lines.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    return _lines(given.lines, settings)


def _lines(path: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if _key(line["settings"]) == _key(settings)]


def summary(rows: Iterable[dict[str, Any]], by: Sequence[str], value: str) -> list[dict[str, Any]]:
    """Mean and standard deviation over the seeds."""
    groups: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in rows:
        groups[tuple(row["case"].get(name) for name in by)].append(row[value])
    return [
        {
            **dict(zip(by, key, strict=True)),
            "seeds": len(values),
            "mean": statistics.fmean(values),
            "standard_deviation": statistics.stdev(values) if len(values) > 1 else None,
        }
        for key, values in groups.items()
    ]


def write_report(given: argparse.Namespace, settings: dict[str, Any], rows: list[dict[str, Any]], **more: Any) -> None:
    """The whole of it with the hardware it ran on."""
    if given.output:
        kept = [{name: value for name, value in row.items() if name != "settings"} for row in rows]
        report = {"environment": environment(), "settings": settings, **more, "rows": kept}
        given.output.write_text(json.dumps(report, indent=1) + "\n")
