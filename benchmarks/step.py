"""What a training step costs: CIFAR ResNet-18 with each kind of neuron, against the ANN, in one run.

    python -m benchmarks.step --output benchmarks/results/step.json

Forward, backward and SGD on random images, T=4. The ratio is the step's time over T times that of the ANN, plain
PyTorch in the same memory layout. The fastest of the repetitions counts, the kinds taking turns.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.environment import environment

NEURONS: dict[str, dict[str, Any]] = {
    "lif": {"kind": "lif"},
    "lif, MPR": {"kind": "lif", "mpr": True},
    "mht": {"kind": "mht"},
    "lmht": {"kind": "lmht"},
    "mlf": {"kind": "mlf"},
}


def main() -> None:
    """Time every kind and print the ratios."""
    from snnconv.finetune import spiking_network
    from snnconv.loading import load_module
    from snnconv.networks import NETWORKS
    from snnconv.neurons import NeuronSettings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--timesteps", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    x = torch.randn(given.batch_size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (given.batch_size,))
    ann = load_module(NETWORKS[given.network](3, 10), (3, 32, 32))
    graphs: dict[str, Any] = {"ANN": ann.graph}
    for name, choices in NEURONS.items():
        neuron = NeuronSettings(**choices, timesteps=given.timesteps)
        graphs[name] = spiking_network(ann, neuron).graph
    best = dict.fromkeys(graphs, float("inf"))
    prepared = {}
    for name, graph in graphs.items():
        graph.train().to(memory_format=torch.channels_last)
        parameters = [parameter for parameter in graph.parameters() if parameter.requires_grad]
        prepared[name] = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9)
    for _ in range(given.repetitions + 1):
        for name, graph in graphs.items():
            start = time.perf_counter()
            out = graph(x)
            F.cross_entropy(out[0] if isinstance(out, tuple) else out, y).backward()
            prepared[name].step()
            prepared[name].zero_grad()
            best[name] = min(best[name], time.perf_counter() - start)
    rows = [
        {"neuron": name, "step_s": seconds, "ratio": seconds / best["ANN"] / (1 if name == "ANN" else given.timesteps)}
        for name, seconds in best.items()
    ]
    for row in rows:
        print(f"{row['neuron']:10} {row['step_s']:.3f} s, {row['ratio']:.2f} x")
    if given.output:
        settings = {"network": given.network, "timesteps": given.timesteps, "batch_size": given.batch_size}
        given.output.write_text(json.dumps({"environment": environment(), **settings, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
