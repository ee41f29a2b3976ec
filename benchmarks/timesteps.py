"""How many steps each coupling needs: the smallest T whose accuracy is within a point of the ANN's.

    python -m benchmarks.timesteps ../shared [--only resnet20|resnet8] [--levels 4 2 1] [--output FILE]

Networks are calibrated with "bias" on 512 training images. From T=16 on a network is tested on the first 512 of the
1,017 test images, and compared with the ANN on the same. A coupling that got there is not tried at more steps.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.cifar import TRAINED_MEAN, TRAINED_STD, test, training
from benchmarks.environment import environment
from snnconv import load, open_data
from snnconv.convert import CalibrationSettings, calibrate_causal
from snnconv.convert.calibration import calibrate_by
from snnconv.model import Model
from snnconv.neurons import Coupling
from snnconv.spiking.plan import prepare
from snnconv.spiking.unrolling import spike

NETWORKS = {
    "resnet20": ("cifar10_resnet20.onnx", TRAINED_MEAN, TRAINED_STD),
    "resnet8": ("cifar10_resnet8_mlperftiny.onnx", (0.0,), (1 / 255,)),
}
STEPS = (1, 2, 4, 8, 16, 32, 64)
CALIBRATION_IMAGES = 512
MANY, FEWER = 16, 512  # from so many steps on, so many test images
POINTS = 1.0
WAYS = ("mean", "causal", "causal, calibrated")


@dataclass(frozen=True)
class Network:
    """An ANN with images to calibrate and to test it."""

    ann: Model
    calibration: list[Tensor]
    x: Tensor
    labels: Tensor

    @classmethod
    def open(cls, shared: Path, name: str) -> Network:
        """A network of the shared folder."""
        file, mean, std = NETWORKS[name]
        network = load(shared / "models" / file)
        network.input = network.input.override(mean=mean, std=std)
        ann = prepare(network)
        drawn = open_data(training(shared), ann.input, purpose="calibration").sample(CALIBRATION_IMAGES, 0)
        images = open_data(test(shared), ann.input, purpose="eval")
        x = torch.cat([part for part, _ in images.batches(128)])
        return cls(ann, [part for part, _ in drawn.batches(128)], x, torch.tensor(images.labels))

    @torch.inference_mode()
    def accuracy(self, model: Model, images: int) -> float:
        """In percent, of the first test images."""
        found = torch.cat([model.logits(part).argmax(1) for part in torch.split(self.x[:images], 32)])
        return 100 * float((found == self.labels[:images]).double().mean())


def rows(network: Network, levels: int) -> Iterator[dict[str, Any]]:
    """One row a T, until every way is within a point of the ANN."""

    @cache
    def wanted(images: int) -> float:
        return network.accuracy(network.ann, images) - POINTS

    waiting = list(WAYS)
    for timesteps in STEPS:
        images = len(network.x) if timesteps < MANY else min(FEWER, len(network.x))
        calibrated = calibrate_by(CalibrationSettings("bias"), network.ann, network.calibration, timesteps * levels)
        quantized = calibrated.model
        found: dict[str, float] = {}
        for way in waiting:
            model = quantized  # what mean coupling equals
            if way != "mean":
                model = spike(quantized, timesteps, levels, Coupling.CAUSAL)
            if way == "causal, calibrated":
                model = calibrate_causal(network.ann, quantized, model, network.calibration).snn
            found[way] = network.accuracy(model, images)
        waiting = [way for way in waiting if found[way] < wanted(images)]
        yield {
            "levels": levels,
            "timesteps": timesteps,
            "total_levels": levels * timesteps,
            "images": images,
            "ann": wanted(images) + POINTS,
            **found,
        }
        if not waiting:
            return


def needed(found: list[dict[str, Any]], way: str) -> int | None:
    """The smallest T within a point; None where none was."""
    return next((row["timesteps"] for row in found if way in row and row[way] >= row["ann"] - POINTS), None)


def main() -> None:
    """Print every accuracy, then the steps that are needed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", choices=sorted(NETWORKS))
    parser.add_argument("--levels", type=int, nargs="+", default=[4, 2, 1])
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    results: list[dict[str, Any]] = []
    for name in [given.only] if given.only else NETWORKS:
        network = Network.open(given.shared, name)
        for levels in given.levels:
            found = []
            for row in rows(network, levels):
                found.append(row)
                print(json.dumps({"network": name, **row}), flush=True)
            steps = {way: needed(found, way) for way in WAYS}
            shown = ", ".join(f"{way} T={t or 'more than 64'}" for way, t in steps.items())
            print(f"{name} L={levels}: {shown}", flush=True)
            results.append({"network": name, "levels": levels, "needed": steps, "rows": found})
            if given.output:
                given.output.write_text(json.dumps({"environment": environment(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
