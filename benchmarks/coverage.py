"""Which timm architectures convert: one network after the other is loaded, converted and compared with its ANN.

    python -m benchmarks.coverage --jobs 2 --output benchmarks/results/coverage.json
    python -m benchmarks.coverage --resume --output benchmarks/results/coverage.json
    python -m benchmarks.coverage --only resnet18 lcnet_035

Weights are random, so this is about operators and about whether the parts fit, not about accuracy. Each network runs in
a process of its own, with a limit on its time and memory; the output grows network by network.
`benchmarks.coverage_page` writes docs/coverage.md from the results.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.coverage_causes import short_causes
from benchmarks.coverage_models import FAMILIES, MORE
from benchmarks.coverage_network import SHIFT, family_of, measure
from benchmarks.environment import environment

SECONDS = 900  # for one network
GIGABYTES = 12  # of memory for one process, files mapped into it left out
FIGURES = ("error", "fitted", "differential", "rounding", "noise", "imported")
PRELOADED = ["torch", "timm", "onnxruntime", "onnxscript", "snnconv.operators", "benchmarks.coverage_network"]


def sweep_names() -> list[str]:
    """Every network of the table once, family by family."""
    return list(dict.fromkeys([*(name for names in FAMILIES.values() for name in names), *MORE]))


def outcome(row: dict[str, Any]) -> str:
    """Return the outcome of one network, with its causes where it did not convert."""
    listed = ", ".join(short_causes(row.get("reasons", {})))
    return f"{row['outcome']}: {listed}" if listed else str(row["outcome"])


def run(name: str, threads: int, shift: float, files: Path | None) -> dict[str, Any]:
    """Measure one network in a process of its own."""
    started = time.perf_counter()
    context = get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, name, threads, shift, files), daemon=True)
    process.start()
    theirs.close()
    row = None
    try:
        if ours.poll(SECONDS):
            row = ours.recv()
            process.join(SECONDS)
    except EOFError:
        process.join(SECONDS)
    late = row is None and process.is_alive()
    if process.is_alive():
        process.kill()
    said = f"not done after {SECONDS} s" if late else f"its process ended with {process.exitcode}"
    return dict(row) if row is not None else _failure(name, said, started)


def _child(connection: Connection, name: str, threads: int, shift: float, files: Path | None) -> None:
    import torch

    torch.set_num_threads(threads)
    resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES << 30, GIGABYTES << 30))
    warnings.simplefilter("ignore")
    connection.send(measure(name, shift, files))


def _failure(name: str, said: str, started: float) -> dict[str, Any]:
    return {
        "network": name,
        "family": family_of(name),
        "outcome": "failed",
        "reasons": {said: 1},
        "seconds": round(time.perf_counter() - started, 1),
    }


def _measured(names: Sequence[str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(run, name, options.threads, options.shift, options.files) for name in names]
        for future in as_completed(futures):
            yield future.result()


def _write(path: Path, shift: float, rows: dict[str, dict[str, Any]]) -> None:
    ordered = [rows[name] for name in sweep_names() if name in rows]
    text = json.dumps({"environment": environment(), "shift": shift, "rows": ordered}, indent=1)
    temporary = path.with_suffix(".part")
    temporary.write_text(text + "\n")
    temporary.replace(path)


def main() -> None:
    """Measure, print a line for each network, and write what is known after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NETWORK", help="these instead of all")
    parser.add_argument("--resume", action="store_true", help="leave out networks of which the output has a row")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--shift", type=float, default=SHIFT, help="of batch-norms")
    parser.add_argument("--files", type=Path, help="folder that keeps the exported networks, for the next run")
    parser.add_argument("--output", type=Path, help="JSON; rows of other networks that it holds stay in it")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "PYTHONWARNINGS": "ignore"}
    get_context("forkserver").set_forkserver_preload(PRELOADED)
    rows = {}
    if (options.only or options.resume) and options.output and options.output.exists():
        rows = {row["network"]: row for row in json.loads(options.output.read_text())["rows"]}
    names = [name for name in options.only or sweep_names() if not (options.resume and name in rows)]
    for row in _measured(names, options):
        rows[row["network"]] = row
        figures = "".join(f"{key} {row[key]:.3g}, " for key in FIGURES if key in row)
        print(f"{row['network']}: {outcome(row)}, {figures}{row['seconds']} s", flush=True)
        if options.output:
            _write(options.output, options.shift, rows)


if __name__ == "__main__":
    main()
