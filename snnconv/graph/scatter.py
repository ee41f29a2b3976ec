"""Elements that are put, by their number along an axis, into a tensor, or combined with what stands there."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

__all__ = ["ScatterElements"]


class ScatterElements(nn.Module):
    """`data[indices] = updates` along an axis other than the batch's; each of the three an activation or a constant.

    Args:
        axis: Axis along which the numbers count; a negative number counts from the end.
        reduction: Combination of an update with what stands there: none, which replaces it, add, mul, max or min.
        data: Values that are changed, `[1, ...]`, where they are constant.
        indices: Numbers, `[1, ...]`, where they are constant.
        updates: Values that are put in, in the shape of the numbers, where they are constant.
    """

    NAMES: ClassVar = ("data", "indices", "updates")
    REDUCTIONS: ClassVar = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}  # ONNX's name -> torch's

    def __init__(
        self,
        axis: int,
        reduction: str = "none",
        data: Tensor | None = None,
        indices: Tensor | None = None,
        updates: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.axis = axis
        self.reduction = reduction
        self.register_buffer("data", data)
        self.register_buffer("indices", indices)
        self.register_buffer("updates", updates)

    def arguments(self, given: list[Tensor]) -> list[Tensor]:
        """Return data, indices, updates, of what is given for those that are no constants."""
        rest, batch = iter(given), len(given[0])
        constants = (self.get_buffer(name) if self.holds(name) else None for name in self.NAMES)
        return [next(rest) if value is None else value.expand(batch, *value.shape[1:]) for value in constants]

    def holds(self, name: str) -> bool:
        """Return whether one of the three is a constant."""
        return self._buffers[name] is not None

    def forward(self, *xs: Tensor) -> Tensor:
        """Map the activations, `[B, ...]` each, in the order data, indices, updates, to the shape of the data."""
        data, indices, updates = self.arguments(list(xs))
        data, updates, places = data.to(xs[0]), updates.to(xs[0]), indices.long()
        places = torch.where(places < 0, places + data.shape[self.axis], places)
        if self.reduction == "none":
            return data.scatter(self.axis, places, updates)
        return data.scatter_reduce(self.axis, places, updates, self.REDUCTIONS[self.reduction])

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        names = [name for name in self.NAMES if self.holds(name)]
        return ", ".join([f"axis={self.axis}, {self.reduction}", *(f"constant {name}" for name in names)])
