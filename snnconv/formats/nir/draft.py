"""A NIR graph in the making: nodes, edges, and linear operators whose weights may still take factors in."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnconv.formats.nir.layers import Array, Convolution, composed, placement
from snnconv.formats.nir.signals import NirSignal
from snnconv.graph.node import Refusal

__all__ = ["INPUT", "OUTPUT", "NirDraft"]

INPUT, OUTPUT = "input", "output"


class NirDraft:
    """Nodes and edges of one graph.

    Args:
        outputs: Number of the outputs that there will be.

    Attributes:
        nodes: NIR nodes by name.
        edges: Edges between them.
        linear: Operators that are not nodes yet: their weights, their input, and whether they only move values.
        order: Names of the nodes, as a signal meets them.
    """

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.linear: dict[str, tuple[Convolution, NirSignal, bool]] = {}
        self.order: list[str] = [INPUT]

    def name(self, proposal: str) -> str:
        """Return a name that no node has: the proposal, or with `_` behind it; names of our graph are identifiers."""
        reserved = {INPUT, OUTPUT, *(f"{OUTPUT}_{number}" for number in range(1, self.outputs))}
        name = proposal
        while name in self.nodes or name in self.linear or name in reserved:
            name += "_"
        return name

    def input(self, shape: tuple[int, ...]) -> NirSignal:
        """Make the node of the input, and return its signal."""
        import nir

        self.nodes[INPUT] = nir.Input(input_type=np.array(shape))
        return NirSignal({INPUT: np.ones(())}, shape)

    def output(self, name: str, signal: NirSignal) -> None:
        """Make the node of an output."""
        import nir

        sources = self.plain(signal, f"{name}_scaled")
        self.nodes[name] = nir.Output(output_type=np.array(signal.shape))
        self.edges += [(source, name) for source in sources]

    def put(self, name: str, node: Any) -> None:
        """Add a node."""
        self.nodes[name] = node
        self.order.append(name)

    def convolve(
        self, proposal: str, shape: tuple[int, ...], convolution: Convolution, signal: NirSignal, *, moves: bool = False
    ) -> NirSignal:
        """Apply a linear operator, whose weights take the signal's factor in; two that only move values become one."""
        name = self.name(proposal)
        (first, *others) = signal.terms
        if moves and not others and first in self.linear and self.linear[first][2] and first in signal.private:
            before, source, _ = self.linear[first]
            joined = composed(before.scaled(signal.terms[first]), convolution)
            if joined is not None:
                del self.linear[first]
                convolution, signal = joined, source
        signal, factor = self.with_one_factor(signal, name)
        convolution = convolution.of_scaled(factor)
        self.linear[name] = (convolution, signal, moves)
        self.order.append(name)
        return NirSignal({name: np.ones(())}, shape, frozenset([name]))

    def write_linear(self, name: str) -> None:
        """Make the node of a linear operator, whose weights are final."""
        import nir

        convolution, signal, _ = self.linear.pop(name)
        weight, bias = (np.ascontiguousarray(values, np.float32) for values in (convolution.weight, convolution.bias))
        if weight.ndim == 2:
            self.nodes[name] = nir.Affine(weight=weight, bias=bias)
        else:
            self.nodes[name] = nir.Conv2d(
                input_shape=signal.shape[1:],
                weight=weight,
                stride=np.array(convolution.stride),
                padding=np.array(convolution.padding),
                dilation=np.array(convolution.dilation),
                groups=convolution.groups,
                bias=bias,
            )
        self.edges += [(source, name) for source in signal.terms]

    def plain(self, signal: NirSignal, name: str) -> list[str]:
        """Return nodes whose outputs add up to a signal: factors go into weights, or into a diagonal operator."""
        sources = []
        for source, factor in signal.terms.items():
            if (factor == 1).all():
                sources.append(source)
            elif source in self.linear and source in signal.private:
                convolution, operand, moves = self.linear[source]
                self.linear[source] = (convolution.scaled(factor), operand, moves)
                sources.append(source)
            else:
                diagonal_name = self.name(name)
                diagonal = placement(signal.shape[0], signal.shape[0], 0, signal.shape).of_scaled(factor)
                self.order.append(diagonal_name)
                self.linear[diagonal_name] = (diagonal, NirSignal({source: np.ones(())}, signal.shape), True)
                sources.append(diagonal_name)
        return sources

    def shift(self, signal: NirSignal, constant: Array) -> NirSignal:
        """Add a constant, in the bias of an operator that nothing else reads."""
        if not constant.any():
            return signal
        for source, factor in signal.terms.items():
            if source in self.linear and source in signal.private and (factor != 0).all():
                convolution, operand, _ = self.linear[source]
                self.linear[source] = (convolution.shifted(constant / factor), operand, False)
                return signal
        raise Refusal("it adds a constant where no linear operator could take it into its bias")

    def sum_pool(self, proposal: str, signal: NirSignal, kernel: tuple[int, ...], stride: tuple[int, ...]) -> NirSignal:
        """Average windows: as a sum, which more simulators read, divided in the weights that follow."""
        import nir

        if len(kernel) != 2:
            raise Refusal(f"it pools {len(kernel)} axes: NIR pools two")
        name = self.name(proposal)
        signal, factor = self.with_one_factor(signal, name)
        zeros = np.zeros(2, int)
        self.put(name, nir.SumPool2d(kernel_size=np.array(kernel), stride=np.array(stride), padding=zeros))
        self.edges += [(source, name) for source in signal.terms]
        sizes = [
            (size - window) // step + 1 for size, window, step in zip(signal.shape[1:], kernel, stride, strict=True)
        ]
        return NirSignal({name: factor / np.prod(kernel)}, (signal.shape[0], *sizes))

    def with_one_factor(self, signal: NirSignal, name: str) -> tuple[NirSignal, Array]:
        """Return a signal without factors, and the factor that it had."""
        factor = signal.same_factor()
        if factor is None:
            plain = self.plain(signal, f"{name}_scaled")
            return NirSignal(dict.fromkeys(plain, np.ones(())), signal.shape), np.ones(())
        return NirSignal(dict.fromkeys(signal.terms, np.ones(())), signal.shape), factor

    def flatten(self, proposal: str, signal: NirSignal) -> NirSignal:
        """Make one axis of all."""
        import nir

        name = self.name(proposal)
        plain, factor = self.with_one_factor(signal, name)
        flat = NirSignal({name: factor}, signal.shape).flat()
        self.put(name, nir.Flatten(input_type=np.array(signal.shape), start_dim=0, end_dim=-1))
        self.edges += [(source, name) for source in plain.terms]
        return flat

    def finish(self) -> None:
        """Make nodes of all linear operators, and put all in order."""
        for name in list(self.linear):
            self.write_linear(name)
        order = {name: place for place, name in enumerate(self.order)}
        self.nodes = dict(sorted(self.nodes.items(), key=lambda item: order.get(item[0], len(order))))
