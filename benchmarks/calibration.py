"""Calibration methods side by side: real networks at several N, T=4, mean coupling, no training.

    python -m benchmarks.calibration ../shared [--only resnet20 lite0] [--total-levels 8 16] [--methods auto bias]
        [--seeds 0 1 2] [--images N] [--output benchmarks/results/calibration.json]

Each conversion runs in a process of its own, so that its time and peak memory are its own. A method's name with
"+weights" moves weights as well, with "@30" in 30 epochs, with "/layer" it has one ceiling a layer, in this order; "no
data" has no images. Networks are evaluated collapsed, in single precision.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.environment import environment
from benchmarks.road import Case, cases

TIMESTEPS = 4
TOTAL_LEVELS = {"resnet20": (8, 16, 32, 64), "lite0": (16, 32, 64)}
METHODS = ("max", "percentile", "mse", "balance", "bias", "reconstruct", "reconstruct+weights")


def settings_of(method: str) -> Any:
    """`reconstruct+weights@30`, `mse/layer`: a method's name with its choices."""
    from snnconv.convert import CalibrationSettings

    name, _, ceilings = method.partition("/")
    name, _, epochs = name.partition("@")
    name, _, moved = name.partition("+")
    return CalibrationSettings(name, ceilings or "channel", moved == "weights", int(epochs) if epochs else None)


def convert_and_compare(case: Case, total_levels: int, method: str, seed: int) -> dict[str, Any]:
    """Convert in this process and evaluate."""
    import snnconv
    from snnconv.spiking.unrolling import collapse

    started = time.perf_counter()
    ann = snnconv.load(case.network)
    ann.input = ann.input.override(mean=case.mean, std=case.std)
    snn = snnconv.convert(
        ann,
        timesteps=TIMESTEPS,
        levels=total_levels // TIMESTEPS,
        calibration_data=None if method == "no data" else case.calibration,
        calibration_images=case.calibration_images,
        calibration="auto" if method == "no data" else settings_of(method),
        seed=seed,
    )
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    quantized = collapse(snn)
    images = snnconv.open_data(case.test, ann.input, purpose="eval")
    pairs = [(ann.logits(x), quantized.logits(x)) for x, _ in images.batches(32 if case.labelled else 8)]
    wanted, found = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    centred = [out - out.mean(0) for out in (wanted, found)]
    report = snn.report
    result = {
        "agreement": 100 * float((wanted.argmax(1) == found.argmax(1)).float().mean()),
        "relative_error": float((centred[1] - centred[0]).norm() / centred[0].norm()),
        "images": len(images),
        "seconds": seconds,
        "peak_mb": peak_mb,
        "method_run": report.method.method,
        "epochs": report.method.epochs,
        "expected_agreement": report.method.expected_agreement,
    }
    if case.labelled:
        labels = torch.as_tensor(images.labels.copy())
        result["accuracy"] = 100 * float((found.argmax(1) == labels).float().mean())
        result["accuracy_ann"] = 100 * float((wanted.argmax(1) == labels).float().mean())
    return result


def main() -> None:
    """Run every combination; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(TOTAL_LEVELS), default=sorted(TOTAL_LEVELS))
    parser.add_argument("--total-levels", type=int, nargs="+")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="draws of the calibration images")
    parser.add_argument("--images", type=int, help="calibration images, fewer than there are")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--child", nargs=3, metavar=("LEVELS", "METHOD", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = cases(given.shared, Path(folder))
        if given.images:
            found = {name: replace(case, calibration_images=given.images) for name, case in found.items()}
        if given.child:
            levels, method, seed = given.child
            print(json.dumps(convert_and_compare(found[given.only[0]], int(levels), method, int(seed))))
            return
        rows = []
        for name in given.only:
            for levels in given.total_levels or TOTAL_LEVELS[name]:
                for method in given.methods:
                    for seed in given.seeds:
                        row = {
                            "network": name,
                            "total_levels": levels,
                            "method": method,
                            "seed": seed,
                            "calibration_images": found[name].calibration_images,
                        }
                        command = [sys.executable, "-m", "benchmarks.calibration", str(given.shared), "--only", name]
                        command += ["--images", str(given.images)] if given.images else []
                        child = [*command, "--child", str(levels), method, str(seed)]
                        row |= json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
                        rows.append(row)
                        print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
