"""Figures of docs/results.md: real networks converted without training, evaluated in four ways.

    python -m benchmarks.road ../shared [--only resnet20|lite0] [--output benchmarks/results/road.json]

Each conversion runs in a process of its own, so that its time and peak memory are its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environment import environment

LEVELS = {"resnet20": (4, 8), "lite0": (8,)}


@dataclass(frozen=True)
class Case:
    """A network with its pixels' normalisation, calibration data and test data."""

    network: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    calibration: str
    calibration_images: int
    test: str
    labelled: bool


def cases(shared: Path, folder: Path) -> dict[str, Case]:
    """The two networks. The ImageNet samples are split at random (seed 0): 256 to calibrate, 344 to evaluate."""
    data, models = shared / "data", shared / "models"
    samples = (data / "imagenet_samples").resolve()
    with (samples / "labels.csv").open(newline="") as table:
        rows = [f"{samples / row['file']},{row['index']}" for row in csv.DictReader(table)]
    order = np.random.default_rng(0).permutation(len(rows))
    for name, part in (("calibration", order[:256]), ("test", order[256:])):
        (folder / f"{name}.csv").write_text("\n".join(["file,index", *(rows[index] for index in sorted(part))]) + "\n")
    train = ",".join(str(data / f"cifar10_train_{part}.npz") for part in range(3))
    return {
        "resnet20": Case(
            str(models / "cifar10_resnet20.onnx"),
            (0.485, 0.456, 0.406),
            (0.229, 0.224, 0.225),
            f"npz:{train}",
            1024,
            f"npz:{data / 'cifar10_test_1017.npz'}",
            True,
        ),
        "lite0": Case(
            str(models / "imagenet_efficientnet_lite0_224.onnx"),
            (127 / 255,),
            (128 / 255,),
            f"csv:{folder / 'calibration.csv'}",
            256,
            f"csv:{folder / 'test.csv'}",
            False,
        ),
    }


def convert_case(case: Case, levels: int, seed: int, output: Path) -> dict[str, Any]:
    """Convert in this process; seconds and peak memory of the whole process."""
    import snnconv

    started = time.perf_counter()
    ann = snnconv.load(case.network)
    ann.input = ann.input.override(mean=case.mean, std=case.std)
    snn = snnconv.convert(
        ann,
        timesteps=4,
        levels=levels,
        calibration_data=case.calibration,
        calibration_images=case.calibration_images,
        seed=seed,
    )
    snnconv.save(snn, output)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"convert_s": time.perf_counter() - started, "convert_peak_mb": peak_mb}


def evaluate_case(case: Case, path: Path, *, double: bool) -> dict[str, Any]:
    """Arg-max of the ANN, the SNN collapsed and simulated, and of the file in onnxruntime, image by image."""
    import snnconv
    from snnconv.evaluation import run_onnx
    from snnconv.graph.precision import to_double
    from snnconv.spiking.unrolling import collapse

    ann = snnconv.load(case.network)
    snn = snnconv.load(path)
    images = snnconv.open_data(case.test, snn.input, purpose="eval")
    networks = {"ann": ann, "collapsed": collapse(snn), "simulated": snn}
    if double:
        for name in ("collapsed", "simulated"):
            networks[f"{name}_float64"] = replace(networks[name], graph=to_double(networks[name].graph))
    size = 32 if case.labelled else 8
    found: dict[str, list[np.ndarray[Any, Any]]] = {name: [] for name in networks}
    for x, _ in images.batches(size):
        for name, network in networks.items():
            given = x.double() if name.endswith("float64") else x
            found[name].append(network.logits(given).argmax(1).numpy())
    classes = {name: np.concatenate(parts) for name, parts in found.items()}
    classes["onnxruntime"] = run_onnx(path, [x for x, _ in images.batches(size)]).argmax(1).numpy()

    def same(one: str, other: str) -> float:
        return 100 * float((classes[one] == classes[other]).mean())

    result: dict[str, Any] = {
        "images": len(images),
        "agreement_collapsed": same("collapsed", "ann"),
        "agreement_simulated": same("simulated", "ann"),
        "collapsed_simulated": same("collapsed", "simulated"),
        "onnxruntime_simulated": same("onnxruntime", "simulated"),
    }
    if double:
        result["collapsed_simulated_float64"] = same("collapsed_float64", "simulated_float64")
        result["agreement_float64"] = same("collapsed_float64", "ann")
    if case.labelled:
        labels = images.labels
        for name in ("ann", "collapsed", "simulated", "onnxruntime"):
            result[f"accuracy_{name}"] = 100 * float((classes[name] == labels).mean())
    return result


def main() -> None:
    """Run every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", choices=sorted(LEVELS))
    parser.add_argument("--levels", type=int, nargs="+", help="L at T=4; by default those of docs/results.md")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="draws of the calibration images")
    parser.add_argument("--no-float64", action="store_true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--child", nargs=3, metavar=("LEVELS", "SEED", "PATH"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = cases(given.shared, Path(folder))
        if given.child:
            levels, seed, path = given.child
            print(json.dumps(convert_case(found[given.only], int(levels), int(seed), Path(path))))
            return
        rows = []
        for name, case in found.items():
            if given.only not in (None, name):
                continue
            for levels in given.levels or LEVELS[name]:
                for seed in given.seeds:
                    path = Path(folder) / "snn.onnx"
                    command = [sys.executable, "-m", "benchmarks.road", str(given.shared), "--only", name]
                    child = [*command, "--child", str(levels), str(seed), str(path)]
                    out = subprocess.run(child, check=True, capture_output=True, text=True).stdout
                    row = {"network": name, "timesteps": 4, "levels": levels, "total_levels": 4 * levels, "seed": seed}
                    row |= json.loads(out) | evaluate_case(case, path, double=not given.no_float64)
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
