"""Signals between NIR nodes while a graph is written: sums of other nodes' outputs, each times a factor.

A spike in NIR is 1, here it is worth λ. The factor waits until an operator takes it into its weights, so that no node
is spent on it. Edges into one node add up, which is all that a residual addition is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.graph.node import Refusal

__all__ = ["NirSignal"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NirSignal:
    """The sum of nodes' outputs times factors.

    Attributes:
        terms: Factors by the names of the nodes, `[]` or one a channel `[C]`.
        shape: Shape of one sample.
        private: Nodes that nothing else reads, so that a factor may go into their weights.
    """

    terms: Mapping[str, Array]
    shape: tuple[int, ...]
    private: frozenset[str] = frozenset()

    def scaled(self, factor: Array) -> NirSignal:
        """Return every term times a factor, `[]` or `[C]`."""
        return replace(self, terms={name: weight * factor for name, weight in self.terms.items()})

    def plus(self, other: NirSignal, sign: float = 1.0) -> NirSignal:
        """Return the sum with another signal; a node that is in both counts with the sum of its factors."""
        if self.shape != other.shape:
            raise Refusal(f"it joins {list(self.shape)} and {list(other.shape)}: NIR adds what has one shape")
        terms = dict(self.terms)
        for name, weight in other.terms.items():
            terms[name] = terms.get(name, np.zeros(())) + sign * weight
        twice = self.terms.keys() & other.terms.keys()
        return NirSignal(terms, self.shape, (self.private | other.private) - twice)

    def read_by(self, readers: int) -> NirSignal:
        """Return the signal as it is where that many read it."""
        return self if readers == 1 else replace(self, private=frozenset())

    def flat(self) -> NirSignal:
        """Return all axes as one, in the same order."""
        rest = int(np.prod(self.shape[1:]))
        terms = {name: weight if weight.ndim == 0 else np.repeat(weight, rest) for name, weight in self.terms.items()}
        return NirSignal(terms, (int(np.prod(self.shape)),))

    def same_factor(self) -> Array | None:
        """Return the factor of all terms; None where they differ."""
        first, *others = self.terms.values()
        return first if all(np.array_equal(first, other) for other in others) else None


def by_channel(constant: Any, shape: tuple[int, ...]) -> Array:
    """Return a constant that broadcasts over `[B, *shape]`, as `[]` or `[C]`.

    Raises:
        Refusal: It differs along another axis than the channels'.
    """
    values: Array = constant.detach().double().cpu().numpy()
    if values.size == 1:
        return values.reshape(())
    ranked = values.reshape(values.shape[-len(shape) :]) if values.ndim > len(shape) else values
    if ranked.ndim == len(shape) and ranked.size == ranked.shape[0] == shape[0]:
        return ranked.reshape(-1)
    raise Refusal(f"its constant of shape {list(values.shape)} differs along another axis than the channels'")
