"""What loading and augmenting costs beside the training step: CIFAR ResNet-18, in the process that trains.

    python -m benchmarks.loading --output benchmarks/results/loading.json

Images of CIFAR's size and number, at random. `loaded` is the time to take a batch as a training on a CPU takes it,
`resident` that of the batches that a GPU makes of images in its own memory, here made by the CPU. Medians over the
batches; the share is of loading and step together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.environment import environment

AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "none": {"augment": False},
    "shift, flip": {},
    "shift, flip, cutout": {"cutout": 16},
    "shift, flip, AutoAugment, cutout": {"auto_augment": "autoaugment", "cutout": 16},
}
STEPS, BATCHES = 3, 30


def seconds(run: Callable[[], Any], count: int) -> float:
    """Median of `count` runs after one that warms up."""
    found = []
    for _ in range(count + 1):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found[1:])


def step_of(graph: nn.Module, batch_size: int) -> Callable[[], None]:
    """Forward, backward and SGD."""
    graph.train().to(memory_format=torch.channels_last)
    x = torch.randn(batch_size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch_size,))
    optimizer = torch.optim.SGD([p for p in graph.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)

    def run() -> None:
        out = graph(x)
        F.cross_entropy(out[0] if isinstance(out, tuple) else out, y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return run


def loading(batch_size: int, images: int) -> Iterator[dict[str, Any]]:
    """Seconds a batch of every augmentation."""
    from snnconv.data import open_data
    from snnconv.finetune.batches import Batches
    from snnconv.finetune.settings import LoopSettings
    from snnconv.model import InputSpec

    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 256, (images, 32, 32, 3), np.uint8)
        np.savez(Path(folder) / "x.npz", x=x, y=np.arange(images) % 10)
        spec = InputSpec(3, 32, 32, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))
        data = open_data(f"npz:{Path(folder) / 'x.npz'}", spec, purpose="train")
        for name, choices in AUGMENTATIONS.items():
            settings = LoopSettings(batch_size=batch_size, **choices)
            row: dict[str, Any] = {"augmentation": name}
            for resident in (False, True):
                if resident and "auto_augment" in choices:
                    continue
                batches = Batches(data, settings, torch.device("cpu"), resident=resident)
                taken = islice(batches.epoch(1), BATCHES + 1)
                row["resident_s" if resident else "loaded_s"] = seconds(lambda taken=taken: next(taken), BATCHES)
            yield row


def main() -> None:
    """Measure loading and steps, and print the shares."""
    from snnconv.finetune import spiking_network
    from snnconv.loading import load_module
    from snnconv.networks import NETWORKS
    from snnconv.neurons import NeuronSettings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--timesteps", type=int, default=4)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    rows = list(loading(given.batch_size, given.images))
    ann = load_module(NETWORKS["resnet18"](3, 10), (3, 32, 32))
    steps = {"ANN": seconds(step_of(ann.graph, given.batch_size), STEPS)}
    spiking = spiking_network(ann, NeuronSettings("lmht", given.timesteps)).graph
    steps["lmht"] = seconds(step_of(spiking, given.batch_size), STEPS)
    for row in rows:
        row["share"] = {name: row["loaded_s"] / (row["loaded_s"] + step) for name, step in steps.items()}
        shares = ", ".join(f"{100 * share:.2f} % of {name}" for name, share in row["share"].items())
        there = f", resident {1e3 * row['resident_s']:.2f} ms" if "resident_s" in row else ""
        print(f"{row['augmentation']:34} loaded {1e3 * row['loaded_s']:.2f} ms{there}; {shares}")
    print(", ".join(f"step of {name} {step:.3f} s" for name, step in steps.items()))
    if given.output:
        settings = {"batch_size": given.batch_size, "timesteps": given.timesteps, "images": given.images}
        settings["threads"] = torch.get_num_threads()
        report = {"environment": environment(), **settings, "steps_s": steps, "rows": rows}
        given.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
