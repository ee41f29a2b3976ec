"""Conversion without data, of a network that still holds its batch-norms, of the same with these folded, and with data.

    python -m benchmarks.nodata ../shared [--epochs 10] [--output benchmarks/results/nodata.json]

The network is an ordinary one with ReLU, trained here on images 0..44999 of CIFAR-10, for none of the folder's has
batch-norms in its file. T=4, mean coupling.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import nn

from benchmarks.cifar import MEAN, STD, test, training
from benchmarks.environment import environment

NETWORK, SIZE, BATCH = "resnet14", 32, 128
TIMESTEPS, LEVELS = 4, (2, 4, 8, 16)
CALIBRATION_IMAGES = 1024


def trained(shared: Path, spec: Any, epochs: int, seed: int) -> nn.Module:
    """The network after some epochs of SGD under a one-cycle schedule."""
    from snnconv.data import open_data
    from snnconv.finetune.batches import Batches
    from snnconv.finetune.settings import LoopSettings
    from snnconv.networks import NETWORKS

    torch.manual_seed(seed)
    network: nn.Module = NETWORKS[NETWORK](3, 10)
    images = open_data(training(shared), spec, purpose="train")
    batches = Batches(images, LoopSettings(epochs=epochs, batch_size=BATCH, seed=seed), torch.device("cpu"))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=epochs * len(batches))
    for epoch in range(epochs):
        for x, y in track(batches.epoch(epoch), f"epoch {epoch + 1}/{epochs}", total=len(batches)):
            loss = nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def main() -> None:
    """Train, convert in every way, evaluate; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()

    import snnconv
    from snnconv.model import InputSpec
    from snnconv.spiking.plan import prepare
    from snnconv.spiking.unrolling import collapse

    spec = InputSpec(3, SIZE, SIZE, mean=MEAN, std=STD)
    start = time.perf_counter()
    network = trained(given.shared, spec, given.epochs, given.seed)
    trained_s = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        torch.onnx.export(network, (torch.zeros(1, 3, SIZE, SIZE),), file, optimize=False)
        ann = snnconv.load(file)
    ann.input = ann.input.override(mean=MEAN, std=STD)
    images = snnconv.open_data(test(given.shared), ann.input, purpose="eval")
    labels = torch.as_tensor(images.labels.copy())

    @torch.inference_mode()
    def logits(model: Any) -> torch.Tensor:
        return torch.cat([model.logits(x) for x, _ in images.batches(128)])

    wanted = logits(ann)

    def percent(found: torch.Tensor, expected: torch.Tensor) -> float:
        return 100 * float((found.argmax(1) == expected).double().mean())

    ways = {
        "with data": (ann, training(given.shared)),
        "no data": (ann, None),
        "no data, batch-norms folded": (prepare(ann), None),
    }
    rows = []
    for levels in LEVELS:
        for way, (model, data) in ways.items():
            start = time.perf_counter()
            snn = snnconv.convert(
                model,
                timesteps=TIMESTEPS,
                levels=levels,
                calibration_data=data,
                calibration_images=CALIBRATION_IMAGES,
                seed=given.seed,
            )
            seconds = time.perf_counter() - start
            found = logits(collapse(snn))
            row = {
                "total_levels": levels * TIMESTEPS,
                "way": way,
                "accuracy": percent(found, labels),
                "accuracy_ann": percent(wanted, labels),
                "agreement": percent(found, wanted.argmax(1)),
                "expected_agreement": snn.report.method.expected_agreement,
                "method_run": snn.report.method.method,
                "seconds": seconds,
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    if given.output:
        settings = {"network": NETWORK, "epochs": given.epochs, "seed": given.seed, "trained_s": trained_s}
        report = {"environment": environment(), "settings": settings, "rows": rows}
        given.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
