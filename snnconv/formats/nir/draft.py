"""A NIR graph in the making: nodes, edges, and linear operators whose weights may still take factors in."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnconv.formats.nir.layers import Array, Convolution, composed, placement
from snnconv.formats.nir.signals import Signal
from snnconv.graph.node import Refusal

__all__ = ["INPUT", "OUTPUT", "NirDraft"]

INPUT, OUTPUT = "input", "output"


class NirDraft:
    """Nodes and edges of one graph.

    Args:
        outputs: how many there will be.

    Attributes:
        nodes: NIR nodes by name.
        edges: between them.
        linear: operators that are not nodes yet: their weights, what they take, and whether they only move values.
        order: names of the nodes, as a signal meets them.
    """

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.linear: dict[str, tuple[Convolution, Signal, bool]] = {}
        self.order: list[str] = [INPUT]

    def name(self, wanted: str) -> str:
        """A name that no node has; those of our graph are identifiers."""
        reserved = {INPUT, OUTPUT, *(f"{OUTPUT}_{number}" for number in range(1, self.outputs))}
        name = wanted
        while name in self.nodes or name in self.linear or name in reserved:
            name += "_"
        return name

    def put(self, name: str, node: Any) -> None:
        """Add a node."""
        self.nodes[name] = node
        self.order.append(name)

    def convolve(
        self, wanted: str, shape: tuple[int, ...], convolution: Convolution, given: Signal, *, moves: bool = False
    ) -> Signal:
        """A linear operator on a signal, whose factor goes into the weights; two that only move values become one."""
        name = self.name(wanted)
        (first, *others) = given.terms
        if moves and not others and first in self.linear and self.linear[first][2] and first in given.private:
            before, source, _ = self.linear[first]
            joined = composed(before.scaled(given.terms[first]), convolution)
            if joined is not None:
                del self.linear[first]
                convolution, given = joined, source
        given, factor = self.with_one_factor(given, name)
        convolution = convolution.of_scaled(factor)
        self.linear[name] = (convolution, given, moves)
        self.order.append(name)
        return Signal({name: np.ones(())}, shape, frozenset([name]))

    def write_linear(self, name: str) -> None:
        """Make the node of a linear operator, whose weights are final."""
        import nir

        convolution, given, _ = self.linear.pop(name)
        weight, bias = (np.ascontiguousarray(each, np.float32) for each in (convolution.weight, convolution.bias))
        if weight.ndim == 2:
            self.nodes[name] = nir.Affine(weight=weight, bias=bias)
        else:
            self.nodes[name] = nir.Conv2d(
                input_shape=given.shape[1:],
                weight=weight,
                stride=np.array(convolution.stride),
                padding=np.array(convolution.padding),
                dilation=np.array(convolution.dilation),
                groups=convolution.groups,
                bias=bias,
            )
        self.edges += [(source, name) for source in given.terms]

    def plain(self, signal: Signal, name: str) -> list[str]:
        """Nodes whose outputs add up to a signal: factors go into weights, or into a diagonal operator."""
        sources = []
        for source, factor in signal.terms.items():
            if (factor == 1).all():
                sources.append(source)
            elif source in self.linear and source in signal.private:
                convolution, given, moves = self.linear[source]
                self.linear[source] = (convolution.scaled(factor), given, moves)
                sources.append(source)
            else:
                own = self.name(name)
                diagonal = placement(signal.shape[0], signal.shape[0], 0, signal.shape).of_scaled(factor)
                self.order.append(own)
                self.linear[own] = (diagonal, Signal({source: np.ones(())}, signal.shape), True)
                sources.append(own)
        return sources

    def shift(self, signal: Signal, constant: Array) -> Signal:
        """A constant goes into the bias of an operator that nothing else reads."""
        if not constant.any():
            return signal
        for source, factor in signal.terms.items():
            if source in self.linear and source in signal.private and (factor != 0).all():
                convolution, given, _ = self.linear[source]
                self.linear[source] = (convolution.shifted(constant / factor), given, False)
                return signal
        raise Refusal("it adds a constant where no linear operator could take it into its bias")

    def sum_pool(self, wanted: str, given: Signal, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Signal:
        """An average as a sum, which more simulators read, divided in the weights that follow."""
        import nir

        if len(kernel) != 2:
            raise Refusal(f"it pools {len(kernel)} axes: NIR pools two")
        name = self.name(wanted)
        given, factor = self.with_one_factor(given, name)
        zeros = np.zeros(2, int)
        self.put(name, nir.SumPool2d(kernel_size=np.array(kernel), stride=np.array(stride), padding=zeros))
        self.edges += [(source, name) for source in given.terms]
        sizes = [
            (size - window) // step + 1 for size, window, step in zip(given.shape[1:], kernel, stride, strict=True)
        ]
        return Signal({name: factor / np.prod(kernel)}, (given.shape[0], *sizes))

    def with_one_factor(self, given: Signal, name: str) -> tuple[Signal, Array]:
        """A signal without factors, and the factor that it had."""
        factor = given.same_factor()
        if factor is None:
            plain = self.plain(given, f"{name}_scaled")
            return Signal(dict.fromkeys(plain, np.ones(())), given.shape), np.ones(())
        return Signal(dict.fromkeys(given.terms, np.ones(())), given.shape), factor

    def flatten(self, wanted: str, given: Signal) -> Signal:
        """All axes as one."""
        import nir

        name = self.name(wanted)
        plain, factor = self.with_one_factor(given, name)
        flat = Signal({name: factor}, given.shape).flat()
        self.put(name, nir.Flatten(input_type=np.array(given.shape), start_dim=0, end_dim=-1))
        self.edges += [(source, name) for source in plain.terms]
        return flat

    def finish(self) -> None:
        """Make nodes of all linear operators, and put all in order."""
        for name in list(self.linear):
            self.write_linear(name)
        order = {name: place for place, name in enumerate(self.order)}
        self.nodes = dict(sorted(self.nodes.items(), key=lambda item: order.get(item[0], len(order))))
