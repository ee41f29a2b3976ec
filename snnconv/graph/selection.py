"""Comparisons, logic, and what is chosen by them; truth is 1, falsehood 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from snnconv.graph.node import Kind

__all__ = ["COMPARISONS", "LOGIC", "ComparisonName", "LogicName", "Logical", "Relation", "Where"]

ComparisonName = Literal["equal", "greater", "greater_or_equal", "less", "less_or_equal"]
COMPARISONS: dict[ComparisonName, Callable[[Tensor, Tensor], Tensor]] = {
    "equal": torch.eq,
    "greater": torch.gt,
    "greater_or_equal": torch.ge,
    "less": torch.lt,
    "less_or_equal": torch.le,
}
LogicName = Literal["and", "or", "xor"]
LOGIC: dict[LogicName, Callable[[Tensor, Tensor], Tensor]] = {
    "and": torch.logical_and,
    "or": torch.logical_or,
    "xor": torch.logical_xor,
}


class _OfTwo(nn.Module):
    """A test of two activations, or of one and a constant.

    Args:
        function: Name of the test.
        constant: Constant operand, broadcast as numpy does; None where both operands are activations.
        constant_first: True where the constant is the left operand.
    """

    kind: ClassVar[Kind] = "bool"
    constant: Tensor | None

    def __init__(self, function: str, constant: Tensor | None = None, *, constant_first: bool = False) -> None:
        super().__init__()
        self.function = function
        self.constant_first = constant_first
        self.register_buffer("constant", constant)

    def _tested(self, function: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor | None) -> Tensor:
        other = self.constant if y is None else y
        assert other is not None
        return (function(other, x) if self.constant_first else function(x, other)).to(x)

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return self.function


class Relation(_OfTwo):
    """1 where one operand compares to the other as stated, else 0."""

    function: ComparisonName

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compare them, broadcast as numpy does."""
        return self._tested(COMPARISONS[self.function], x, y)


class Logical(_OfTwo):
    """`and`, `or`, `xor` of two truths."""

    function: LogicName

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Combine them, broadcast as numpy does."""
        return self._tested(LOGIC[self.function], x, y)


class Where(nn.Module):
    """One of two values at each place, by a condition; each of the three an activation or a constant.

    Args:
        condition: Truths, where they are constant.
        chosen: Values where the condition holds, where they are constant.
        other: Values elsewhere, where they are constant.
    """

    NAMES: ClassVar = ("condition", "chosen", "other")

    def __init__(
        self, condition: Tensor | None = None, chosen: Tensor | None = None, other: Tensor | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("condition", condition)
        self.register_buffer("chosen", chosen)
        self.register_buffer("other", other)

    def arguments(self, given: list[Tensor]) -> list[Tensor]:
        """Return condition, chosen, other, of what is given for those that are no constants."""
        constants = (self.get_buffer(name) if self.holds(name) else None for name in self.NAMES)
        rest = iter(given)
        return [next(rest) if constant is None else constant for constant in constants]

    def holds(self, name: str) -> bool:
        """Return whether one of the three is a constant."""
        return self._buffers[name] is not None

    def forward(self, *xs: Tensor) -> Tensor:
        """Choose, broadcast as numpy does; the activations in the order condition, chosen, other."""
        condition, chosen, other = self.arguments(list(xs))
        return torch.where(condition != 0, chosen.to(xs[0]), other.to(xs[0]))

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        names = [name for name in self.NAMES if self.holds(name)]
        return f"constant: {', '.join(names)}" if names else ""
