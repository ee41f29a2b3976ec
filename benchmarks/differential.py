"""Differential coupling: same arg-max as the ANN after T steps, from few unlabelled images, weights as they are.

    python -m benchmarks.differential ../shared [--only resnet20] [--seeds 0 1 2] [--output results.json]

ResNet-20 and ResNet-8 are tested on the 1,017 test images of CIFAR-10, EfficientNet-Lite0 on the 344 ImageNet samples
that it was not calibrated on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.environment import environment
from benchmarks.road import Case, cases

POWERS = {
    "resnet20": ((2, None), (4, None), (4, 6), (8, None)),
    "resnet8": ((4, None),),
    "lite0": ((4, None), (8, None)),
}
ENERGY_IMAGES = 64
UNIFORM = {"resnet20": ((4, 4), (8, 1), (16, 1)), "resnet8": (), "lite0": ()}


def all_cases(shared: Path, folder: Path) -> dict[str, Case]:
    """The three networks."""
    found = cases(shared, folder)
    network = str(shared / "models" / "cifar10_resnet8_mlperftiny.onnx")
    found["resnet8"] = replace(found["resnet20"], network=network, mean=(0.0,), std=(1 / 255,))
    return found


def measure(case: Case, timesteps: int, seed: int, **choices: Any) -> dict[str, Any]:
    """Convert and compare with the ANN."""
    import snnconv

    ann = snnconv.load(case.network)
    ann.input = ann.input.override(mean=case.mean, std=case.std)
    started = time.perf_counter()
    snn = snnconv.convert(
        ann,
        timesteps=timesteps,
        coupling="differential",
        calibration_data=case.calibration,
        calibration_images=case.calibration_images,
        seed=seed,
        **choices,
    )
    seconds = time.perf_counter() - started
    images = snnconv.open_data(case.test, ann.input, purpose="eval")
    with torch.inference_mode():
        same = torch.cat(
            [snn.logits(x).argmax(1) == ann.logits(x).argmax(1) for x, _ in images.batches(32 if case.labelled else 4)]
        )
    return {
        "agreement": 100 * float(same.double().mean()),
        "energy_over_ann": energy(snn, ann, images),
        "images": len(images),
        "convert_s": seconds,
    }


def energy(snn: Any, ann: Any, images: Any) -> float:
    """Return the energy of power-of-two spikes, one addition each, over the ANN's, on a few images."""
    from snnconv.costs.activity import measure as operations_of
    from snnconv.neurons.spike_counts import SpikeCount
    from snnconv.spiking.plan import prepare

    x = next(iter(images.batches(ENERGY_IMAGES)))[0]
    spiking = operations_of(snn.graph, torch.split(x, 8), timesteps=snn.timesteps).operations
    plain = operations_of(prepare(ann).graph, torch.split(x, 8)).operations
    return spiking.estimate(SpikeCount.POWER_OF_TWO).energy_pj_per_image / plain.energy_pj_per_image


def main() -> None:
    """Run every combination; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(POWERS), default=sorted(POWERS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="draws of the calibration images")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        found = all_cases(given.shared, Path(folder))
        for name in given.only:
            settings: list[tuple[int, dict[str, Any]]] = [(steps, {"octaves": count}) for steps, count in POWERS[name]]
            settings += [(steps, {"code": "uniform", "levels": levels}) for steps, levels in UNIFORM[name]]
            for timesteps, choices in settings:
                for seed in given.seeds:
                    row = {"network": name, "timesteps": timesteps, "seed": seed, **choices}
                    row |= measure(found[name], timesteps, seed, **choices)
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    if given.output:
        given.output.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
