"""How other people's simulators read a NIR graph: one class a simulator, nothing of ours among the imports.

Each has three forms. "as read" is what the simulator's own function makes of the file. "in order" is the same with the
nodes run one after the other as edges lead: `nirtorch.load`, which norse and sinabs call, follows each branch to its
end, so that a sum is made before its other branches are there. "told" is that after what the file's metadata say and
NIR's IF cannot: reset by subtraction, initial potentials, and, where the simulator has its own idea of them, one spike
a step and no lower bound of the potential.
"""

from __future__ import annotations

import warnings
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["READERS"]

Counts = dict[str, Tensor]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _neurons(graph: Any) -> dict[str, Any]:
    return {name: node for name, node in graph.nodes.items() if type(node).__name__ in ("IF", "LIF")}


def _start(node: Any, batch: int) -> Tensor:
    """v_0 of a layer, `[B, ...]`."""
    v0 = torch.as_tensor(np.asarray(node.metadata.get("v0", np.zeros(node.r.shape))), dtype=torch.float64)
    return v0.expand(batch, *node.r.shape).clone()


def _subtracts(node: Any) -> bool:
    return _text(node.metadata.get("reset", "zero")) == "subtract"


def _put_in_order(network: Any, graph: Any) -> None:
    """Let an executor of nirtorch run its nodes as edges lead."""
    sources: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for source, target in graph.edges:
        sources[target].add(source)
    places = {name: place for place, name in enumerate(TopologicalSorter(sources).static_order())}
    network.execution_order = sorted(network.execution_order, key=lambda node: places[node.name])


def _count(modules: dict[str, torch.nn.Module]) -> tuple[Counts, list[Any]]:
    """Counts spikes of layers by hooks, and lets them go on in double precision, which some layers leave.

    A layer may return its state behind its spikes.
    """
    counts: Counts = {}

    def hook(name: str) -> Any:
        def add(module: Any, given: Any, out: Any) -> Any:
            spikes = (out[0] if isinstance(out, tuple) else out).detach().double()
            counts[name] = counts[name] + spikes if name in counts else spikes
            return (spikes, *out[1:]) if isinstance(out, tuple) else spikes

        return add

    return counts, [module.register_forward_hook(hook(name)) for name, module in modules.items()]


class _Stepped:
    """A simulator whose network takes one step a call, `(x, state) -> (y, state)`."""

    def __init__(self, graph: Any, *, ordered: bool, told: bool) -> None:
        self.graph, self.told = graph, told
        self.network = self.load().double().eval()
        if ordered and hasattr(self.network, "execution_order"):
            _put_in_order(self.network, graph)

    def load(self) -> Any:
        raise NotImplementedError

    def layer(self, name: str) -> torch.nn.Module:
        found: torch.nn.Module = self.network.get_submodule(name)
        return found

    def prepare(self, batch: int) -> Any:
        """State before the first step, after what metadata say."""
        return None

    def run(self, x: Tensor, steps: int) -> tuple[Tensor, Counts]:
        """The mean output `[B, classes]`, and spikes of each layer `[B, ...]` over all steps."""
        counts, hooks = _count({name: self.layer(name) for name in _neurons(self.graph)})
        state = self.prepare(len(x))
        total = torch.zeros(())
        for _ in range(steps):
            out, state = self.network(x, state)
            total = total + out
        for hook in hooks:
            hook.remove()
        return total / steps, counts


class SnnTorch(_Stepped):
    """snnTorch; its Flatten counts the batch's axis, so that the file's must be moved by one."""

    packages = ("snntorch", "nirtorch", "nir")

    def load(self) -> Any:
        import nir
        import nirtorch
        import snntorch
        from snntorch import import_nir

        self._flatten_behind_the_batch()
        if not self.told:
            return import_nir.import_from_nir(self.graph)

        def neuron(node: Any) -> Any:
            return snntorch.Leaky(
                beta=1.0,
                threshold=torch.from_numpy(node.v_threshold),
                reset_mechanism="subtract" if _subtracts(node) else "zero",
                init_hidden=True,
                reset_delay=True,  # without, a potential that is above θ after its reset does not fire at the next step
            )

        own = dict.fromkeys((nir.Affine, nir.Conv2d, nir.Flatten), import_nir._nir_to_snntorch_module)
        return nirtorch.nir_to_torch(self.graph, {**own, nir.IF: neuron})

    def _flatten_behind_the_batch(self) -> None:
        for node in self.graph.nodes.values():
            if type(node).__name__ == "Flatten":
                node.start_dim = 1

    def prepare(self, batch: int) -> Any:
        for name, node in _neurons(self.graph).items():
            layer: Any = self.layer(name)
            layer.mem = _start(node, batch) if self.told else torch.zeros(0, dtype=torch.float64)
        return None


class Norse(_Stepped):
    """norse; its IF resets to zero always, so that only initial potentials can be told."""

    packages = ("norse", "nirtorch", "nir")

    def load(self) -> Any:
        import norse.torch

        for node in self.graph.nodes.values():
            if type(node).__name__ == "Flatten":
                node.start_dim = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return norse.torch.from_nir(self.graph)

    def prepare(self, batch: int) -> Any:
        from nirtorch.graph_executor import GraphExecutorState
        from norse.torch.functional.iaf import IAFFeedForwardState

        if not self.told:
            return None
        start = {name: (IAFFeedForwardState(v=_start(node, batch)),) for name, node in _neurons(self.graph).items()}
        return GraphExecutorState(state=start)


class SpikingJelly(_Stepped):
    """SpikingJelly; dt = 1, so that it takes R = 1."""

    packages = ("spikingjelly", "nirtorch", "nir")

    def load(self) -> Any:
        from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

        network = import_from_nir(self.graph, dt=1.0, dtype=torch.float64)
        if self.told:
            for name, node in _neurons(self.graph).items():
                if _subtracts(node):
                    network.get_submodule(name).module.v_reset = None
        return network

    def prepare(self, batch: int) -> Any:
        if not self.told:
            return None
        state: dict[str, Any] = dict.fromkeys(self.graph.nodes)
        return {**state, **{name: (_start(node, batch),) for name, node in _neurons(self.graph).items()}}


class Sinabs:
    """sinabs, whose layers run all steps of a batch at once, `[B*T, ...]`."""

    packages = ("sinabs", "nirtorch", "nir")

    def __init__(self, graph: Any, *, ordered: bool, told: bool) -> None:
        self.graph, self.ordered, self.told = graph, ordered, told

    def run(self, x: Tensor, steps: int) -> tuple[Tensor, Counts]:
        import sinabs.nir
        from sinabs.activation import MembraneReset, SingleSpike

        network = sinabs.nir.from_nir(self.graph, batch_size=len(x)).double().eval()
        if self.ordered:
            _put_in_order(network, self.graph)
        for name, node in _neurons(self.graph).items():
            layer: Any = getattr(network, name)
            if self.told:
                layer.spike_fn, layer.min_v_mem = SingleSpike, None
                layer.reset_fn = layer.reset_fn if _subtracts(node) else MembraneReset()
                layer.init_state_with_shape((len(x), *node.r.shape))
                layer.v_mem = _start(node, len(x))
        counts, hooks = _count({name: getattr(network, name) for name in _neurons(self.graph)})
        frames = x[:, None].expand(len(x), steps, *x.shape[1:]).flatten(0, 1)
        out = network(frames)
        out = out[0] if isinstance(out, tuple) else out
        for hook in hooks:
            hook.remove()
        by_step = {name: spikes.unflatten(0, (len(x), steps)).sum(1) for name, spikes in counts.items()}
        return out.unflatten(0, (len(x), steps)).mean(1).detach(), by_step


READERS = {"snntorch": SnnTorch, "norse": Norse, "spikingjelly": SpikingJelly, "sinabs": Sinabs}
