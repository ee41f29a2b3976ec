"""N-MNIST: an IF network that others converted, read from NIR, beside what we make of the ANN that it came from.

python -m benchmarks.nmnist_nir ../shared --output benchmarks/results/nmnist-nir.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import snnconv
from benchmarks.environment import environment
from snnconv.data.events import event_frames
from snnconv.formats.nir import NirReading
from snnconv.formats.nir.writing import save_nir
from snnconv.loading import load_module

SLICES = 3  # of a recording: what the ANN was trained on
STEPS, DT = 310, 1e-3  # every recording ends within 0.31 s
LEVELS = 8
SIDE = 34


class SumPool(nn.Module):
    """The sum of 2 x 2 values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 4 * nn.functional.avg_pool2d(x, 2)


def network(path: Path) -> nn.Module:
    """The ANN, its weights from the state dictionary of the same places."""
    layers: list[nn.Module] = [
        *(nn.Conv2d(2, 16, 5, 2, 1, bias=False), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.ReLU(), SumPool()),
        *(nn.Conv2d(16, 8, 3, 1, 1, bias=False), nn.ReLU(), SumPool(), nn.Flatten()),
        *(nn.Linear(128, 256, bias=False), nn.ReLU(), nn.Linear(256, 10, bias=False)),
    ]
    module = nn.Sequential(*layers)
    module.load_state_dict(torch.load(path, weights_only=True))
    return module.eval()


def slices(arrays: Any, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Counts of events in the slices of every recording, uint8 `[n*SLICES, 2, H, W]`, and their labels."""
    xyp, t_us, offset, label = (arrays[f"{part}_{key}"] for key in ("xyp", "t_us", "offset", "label"))
    frames = [
        event_frames(xyp[begin:end], t_us[begin:end], SLICES, SIDE, SIDE) for begin, end in itertools.pairwise(offset)
    ]
    found = np.concatenate(frames)
    assert found.max() <= 255
    return found.astype(np.uint8), np.repeat(label, SLICES)


def main() -> None:
    """Evaluate everything, print the table, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--output", type=Path, help="write the report here (JSON)")
    given = parser.parse_args()
    events, lines = given.shared / "data" / "nmnist_small.npz", []

    def evaluated(what: str, model: Any, data: str) -> None:
        found = snnconv.evaluate(model, data, activity_images=0)
        window = {"timesteps": found.timesteps, "levels": found.levels, "coupling": found.coupling}
        lines.append({"what": what, "samples": found.images, "accuracy": found.accuracy, **window})
        print(json.dumps(lines[-1]), flush=True)

    for reset in ("subtract", "zero"):
        model = snnconv.load(
            given.shared / "models/nmnist_cnn_if.nir", nir=NirReading(timesteps=STEPS, dt=DT, reset=reset)
        )
        evaluated(f"others' IF network, reset {reset}, steps of 1 ms", model, f"events:{events}")
    ann = load_module(network(given.shared / "models/nmnist_cnn_ann.pth"), (2, SIDE, SIDE))
    ann.input = ann.input.override(mean=(0.0,), std=(1 / 255,))
    arrays = np.load(events)
    with tempfile.TemporaryDirectory() as folder:
        for part in ("train", "test"):
            x, y = slices(arrays, part)
            np.savez(Path(folder) / f"{part}.npz", x=x, y=y)
        test = f"npz:{folder}/test.npz"
        evaluated(f"the ANN, {SLICES} slices of each recording", ann, test)
        for coupling in ("mean", "causal"):
            snn = snnconv.convert(
                ann, timesteps=4, levels=LEVELS, coupling=coupling, calibration_data=f"npz:{folder}/train.npz"
            )
            evaluated(f"converted by us, {coupling} coupling", snn, test)
        single = snnconv.load(save_nir(snn, Path(folder) / "x.nir"))
        evaluated("the same as a NIR file of one threshold", single, test)
    if given.output is not None:
        given.output.write_text(json.dumps({"environment": environment(), "lines": lines}, indent=2) + "\n")


if __name__ == "__main__":
    main()
