"""Transformers converted without training: agreement with the ANN, time and memory of the conversion, time of a pass.

    python -m benchmarks.transformers ../shared [--only deit vit6 speed] [--output benchmarks/results/transformers.json]

imagenet_deit_tiny: 128 of the 600 samples calibrate, 344 others are compared with the ANN's answers. Each conversion is
`snnconv convert` in a process of its own, whose seconds and peak memory are those of the command. Every network runs in
float32. mnist_vit6_relu: accuracy on mnist_test10k after a calibration on none of its digits but the first 1,024, which
the accuracy leaves out. The speed is one pass of the collapsed network against the ANN's, turn by turn in one process.
Rows that are not measured anew stay in the output.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from benchmarks.environment import environment

SETTINGS = {
    "mean, N=64": ["--total-levels", "64"],
    "mean, N=256": [],
    "differential, T=2": ["--coupling", "differential", "--timesteps", "2"],
    "differential, T=4": ["--coupling", "differential", "--timesteps", "4"],
    "differential, T=8": ["--coupling", "differential", "--timesteps", "8"],
}
DIGIT_SETTINGS = {"mean": [], "differential, T=4": ["--coupling", "differential", "--timesteps", "4"]}
CALIBRATION, COMPARED = 128, 344  # images of DeiT-tiny
DIGITS = 1024  # that calibrate
MEAN, STD = "0.485,0.456,0.406", "0.229,0.224,0.225"
BATCH, ROUNDS, SPEED_BATCH = 8, 15, 8


def parts(shared: Path, folder: Path) -> tuple[str, str]:
    """Data specs of the samples that calibrate, and of others, drawn once and for all."""
    samples = shared.resolve() / "data" / "imagenet_samples"
    rows = list(csv.DictReader((samples / "labels.csv").open()))
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    specs = []
    for name, chosen in (("calibrate", rows[:CALIBRATION]), ("compare", rows[-COMPARED:])):
        lines = ["file,index", *(f"{samples / row['file']},{row['index']}" for row in chosen)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        specs.append(f"csv:{folder / f'{name}.csv'}")
    return specs[0], specs[1]


def converted(file: Path, target: Path, options: list[str]) -> dict[str, Any]:
    """Convert as a user does; the seconds and the peak memory of the process."""
    command = [sys.executable, "-m", "snnconv.cli", "convert", str(file), "-o", str(target), "--json", *options]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    method = report["method"] or {"method": "on the spiking network"}
    return {
        "seconds": time.perf_counter() - start,
        "peak_gb": usage.ru_maxrss / 1e6,
        "calibration": method["method"],
        "total_levels": report["total_levels"],
        "octaves": report["octaves"],
    }


@torch.inference_mode()
def outputs(graph: torch.nn.Module, batches: list[torch.Tensor], what: str) -> torch.Tensor:
    """First outputs, batch by batch."""
    found = [graph(x) for x in track(batches, what)]
    return torch.cat([out[0] if isinstance(out, tuple) else out for out in found])


def figures(found: torch.Tensor, wanted: torch.Tensor) -> dict[str, float]:
    """Same arg-max in percent, and the error of the logits relative to their spread over the images."""
    return {
        "agreement": 100 * float((found.argmax(1) == wanted.argmax(1)).double().mean()),
        "relative_error": float((found - wanted).norm() / (wanted - wanted.mean(0)).norm()),
    }


def graph_of(file: Path) -> torch.nn.Module:
    """The network of a file, collapsed to one pass where it can be."""
    import snnconv
    from snnconv.spiking.unrolling import collapse, collapses

    snn = snnconv.load(file)
    return collapse(snn).graph if collapses(snn) else snn.graph


def deit_rows(shared: Path) -> Iterator[dict[str, Any]]:
    """DeiT-tiny by every setting."""
    import snnconv

    file = shared / "models" / "imagenet_deit_tiny_patch16_224.onnx"
    with tempfile.TemporaryDirectory() as name:
        calibrate, compare = parts(shared, Path(name))
        ann = snnconv.load(file)
        mean, std = (tuple(float(each) for each in text.split(",")) for text in (MEAN, STD))
        ann.input = replace(ann.input, mean=mean, std=std, resize=256)
        batches = [x for x, _ in snnconv.open_data(compare, ann.input, purpose="eval").batches(BATCH)]
        wanted = outputs(ann.graph, batches, "DeiT-tiny")
        common = ["--mean", MEAN, "--std", STD, "--resize", "256", "--calibration-data", calibrate]
        for setting, options in SETTINGS.items():
            target = Path(name) / "snn.onnx"
            row = converted(file, target, [*common, *options])
            found = outputs(graph_of(target), batches, setting)
            yield {"network": file.stem, "setting": setting, **row, **figures(found, wanted), "images": len(wanted)}


def digit_rows(shared: Path) -> Iterator[dict[str, Any]]:
    """Accuracy on digits that did not calibrate."""
    import snnconv

    file = shared / "models" / "mnist_vit6_relu.onnx"
    data = f"npz:{shared / 'data' / 'mnist_test10k.npz'}"
    ann = snnconv.load(file)
    ann.input = replace(ann.input, mean=(0.1307,), std=(0.3081,))
    images = snnconv.open_data(f"{data}[{DIGITS}:]", ann.input, purpose="eval")
    batches = [x for x, _ in images.batches(64)]
    labels = torch.as_tensor(np.asarray(images.labels))
    wanted = outputs(ann.graph, batches, file.stem)
    common = ["--mean", "0.1307", "--std", "0.3081", "--calibration-data", f"{data}[:{DIGITS}]"]
    with tempfile.TemporaryDirectory() as name:
        for setting, options in DIGIT_SETTINGS.items():
            target = Path(name) / "snn.onnx"
            row = converted(file, target, [*common, *options])
            found = outputs(graph_of(target), batches, setting)
            accuracy = [100 * float((each.argmax(1) == labels).double().mean()) for each in (found, wanted)]
            row |= {"accuracy": accuracy[0], "accuracy_ann": accuracy[1], "images": len(wanted)}
            yield {"network": file.stem, "setting": setting, **row, **figures(found, wanted)}


@torch.inference_mode()
def speed_rows(shared: Path) -> Iterator[dict[str, Any]]:
    """One collapsed pass over the ANN's, each round by itself."""
    import snnconv

    file = shared / "models" / "imagenet_deit_tiny_patch16_224.onnx"
    ann, x = snnconv.load(file), torch.randn(SPEED_BATCH, 3, 224, 224)
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "snn.onnx"
        converted(file, target, ["--calibration", "mse", "--calibration-images", "8"])
        contenders = {"ann": ann.graph, "collapsed": graph_of(target)}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in track(range(ROUNDS + 1), "one pass"):
        for name, graph in contenders.items():
            start = time.perf_counter()
            graph(x)
            times[name].append(time.perf_counter() - start)
    ratios = [b / a for a, b in zip(times["ann"][1:], times["collapsed"][1:], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    seconds = {f"{name}_seconds": statistics.median(values[1:]) for name, values in times.items()}
    yield {"network": file.stem, "setting": "one pass", **seconds, "ratio": middle, "quartiles": [low, high]}


ROWS = {"deit": deit_rows, "vit6": digit_rows, "speed": speed_rows}


def main() -> None:
    """Convert and compare; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    known = json.loads(given.output.read_text())["rows"] if given.output and given.output.exists() else []
    rows = {(row["network"], row["setting"]): row for row in known}
    for kind in given.only:
        for row in ROWS[kind](given.shared):
            rows[row["network"], row["setting"]] = row
            print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(
            json.dumps({"environment": environment(), "rows": list(rows.values())}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
