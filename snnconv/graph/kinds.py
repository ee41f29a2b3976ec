"""Kinds of numbers: integers and booleans are floating-point numbers in a graph, whole ones, and 0 or 1."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from snnconv.graph.node import Activation, Kind
from snnconv.graph.operator import find_operator, moved

__all__ = ["Truncation", "Truth", "before_cast", "kind_of_values"]


class Truncation(nn.Module):
    """The whole number next to `x` towards 0."""

    kind: ClassVar[Kind] = "int"

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return torch.trunc(x)


class Truth(nn.Module):
    """1 where `x` is not 0, else 0."""

    kind: ClassVar[Kind] = "bool"

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return (x != 0).to(x)


def kind_of_values(activation: Activation) -> Kind:
    """Return the narrowest kind that the values of an activation are known to be, whatever the file casts them to."""
    if activation.kind != "float":
        return activation.kind
    stated = getattr(activation.module, "kind", None)
    if stated == "int" or stated == "bool":
        return "bool" if stated == "bool" else "int"
    operator = None if activation.module is None else find_operator(activation.module)
    if operator is None or operator.routes is not moved or not activation.sources:
        return "float"
    kinds = {kind_of_values(source) for source in activation.sources}
    return kinds.pop() if len(kinds) == 1 else ("float" if "float" in kinds else "int")


def before_cast(activation: Activation, cast: type[Truncation | Truth]) -> Activation:
    """Return what stands before a cast, for a reader whose module does itself what the cast does."""
    return activation.sources[0] if isinstance(activation.module, cast) else activation
