"""What a training step keeps in memory: CIFAR ResNet-18 with neurons against the ANN, blocks checkpointed or not.

    python -m benchmarks.memory --output benchmarks/results/memory.json

`kept` is alive after the forward pass beside what was alive before it (weights): activations and all else that the
backward pass waits for. `peak` is the most that is alive at once in forward and backward, gradients included. Bytes of
tensors are counted, each memory once, on the CPU. The bar for neurons is T times what the ANN keeps, and a byte for
every output of a neuron at every time step.
"""

from __future__ import annotations

import argparse
import json
import weakref
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.environment import environment

NEURONS = ("lmht", "lif")
MIB = 2**20


class Alive(TorchDispatchMode):
    """Counts the bytes of all memory that tensors were given since it began and that is still theirs.

    Attributes:
        now: bytes alive.
        peak: the most that were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator, then count what it made."""
        before = {id(leaf.untyped_storage()) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and id(leaf.untyped_storage()) not in before:
                self._count(leaf.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self.known:
            return

        def gone(_: Any) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def measured(network: nn.Module, x: Tensor, y: Tensor, *, bf16: bool = False) -> dict[str, int]:
    """Bytes that one step keeps, and its peak."""
    network.zero_grad(set_to_none=True)
    with Alive() as alive:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
            out = network(x)
        out = out[0] if isinstance(out, tuple) else out
        kept = alive.now
        F.cross_entropy(out.float(), y).backward()  # type: ignore[no-untyped-call]
    return {"kept": kept, "peak": alive.peak}


def spikes_of(graph: Any, x: Tensor) -> int:
    """Outputs of all neurons in one pass, over all steps."""
    from snnconv.spiking.sites import iter_sites

    counted: list[int] = []
    handles = [
        site.register_forward_hook(lambda *given: counted.append(given[2].numel())) for _, site in iter_sites(graph)
    ]
    with torch.no_grad():
        graph(x)
    for handle in handles:
        handle.remove()
    return sum(counted)


def main() -> None:
    """Measure every kind, whole and with checkpointed blocks."""
    from snnconv.finetune import spiking_network
    from snnconv.finetune.recomputation import Blockwise
    from snnconv.loading import load_module
    from snnconv.networks import NETWORKS
    from snnconv.neurons import NeuronSettings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--timesteps", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    x = torch.randn(given.batch_size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (given.batch_size,))
    ann = load_module(NETWORKS[given.network](3, 10), (3, 32, 32))
    graphs = {"ANN": ann.graph}
    for kind in NEURONS:
        graphs[kind] = spiking_network(ann, NeuronSettings(kind, given.timesteps)).graph
    rows: list[dict[str, Any]] = []
    for name, graph in graphs.items():
        graph.train().to(memory_format=torch.channels_last)
        spikes = 0 if name == "ANN" else spikes_of(graph, x)
        for bf16 in (False, True):
            for blocks in (False, True):
                row: dict[str, Any] = {"network": name, "bf16": bf16, "checkpoint_blocks": blocks}
                row |= measured(Blockwise(graph) if blocks else graph, x, y, bf16=bf16)
                own = next((r for r in rows if r["network"] == "ANN" and r["bf16"] == bf16), row)
                row["bar"] = own["kept"] * (1 if name == "ANN" else given.timesteps) + spikes
                row["of_bar"] = row["kept"] / row["bar"]
                rows.append(row)
                what = f"{name}{', bf16' if bf16 else ''}{', checkpointed blocks' if blocks else ''}"
                print(
                    f"{what:32} kept {row['kept'] / MIB:7.1f} MiB, peak {row['peak'] / MIB:7.1f} MiB, "
                    f"{row['of_bar']:.2f} of the bar"
                )
    if given.output:
        settings = {"network": given.network, "timesteps": given.timesteps, "batch_size": given.batch_size}
        given.output.write_text(json.dumps({"environment": environment(), **settings, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
