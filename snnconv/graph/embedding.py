"""Elements that are looked up by their number: rows of a table, and elements along an axis of an activation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.errors import InvalidValueError

__all__ = ["Embedding", "GatherElements"]


class Embedding(nn.Module):
    """Rows of a table, by numbers that are whole; a negative one counts from the end.

    Args:
        weight: Table, `[rows, ...]`.
    """

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, ids: Tensor) -> Tensor:
        """Map numbers of rows `[B, ...]` to the rows, `[B, ..., *row]`.

        Raises:
            InvalidValueError: There is no row of such a number.
        """
        rows = len(self.weight)
        if ids.numel() and (float(ids.min()) < -rows or float(ids.max()) >= rows):
            raise InvalidValueError(
                f"An embedding has {rows} rows, and is asked for numbers {float(ids.min()):g} to {float(ids.max()):g}: "
                f"give whole numbers from 0 to {rows - 1}."
            )
        return self.weight[ids.long()]

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{tuple(self.weight.shape)}"


class GatherElements(nn.Module):
    """Elements along an axis other than the batch's, by a whole number for each that is taken.

    Args:
        axis: Axis along which the numbers count; a negative one counts from the end.
        indices: Numbers where they are constant, `[1, ...]`; None where they are the second operand.
    """

    indices: Tensor | None

    def __init__(self, axis: int, indices: Tensor | None = None) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("indices", indices)

    def forward(self, x: Tensor, indices: Tensor | None = None) -> Tensor:
        """Map `[B, ...]` and numbers `[B, ...]` to elements in the shape of the numbers."""
        if self.indices is not None:
            indices = self.indices.expand(x.shape[0], *self.indices.shape[1:])
        assert indices is not None
        places = indices.long()
        return x.gather(self.axis, torch.where(places < 0, places + x.shape[self.axis], places))

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"axis={self.axis}"
