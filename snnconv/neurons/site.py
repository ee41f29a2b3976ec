"""What every site with a ceiling has in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.errors import InvalidValueError

__all__ = ["Site", "along_channels", "require_positive_int"]


def require_positive_int(name: str, value: int) -> int:
    """Return `value`, or raise InvalidValueError where it is not an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValueError(f"{name} is {value!r}: it must be an integer of at least 1.")
    return value


def along_channels(values: Tensor, rank: int, axis: int) -> Tensor:
    """A scalar or `[C]` tensor, shaped to broadcast over a tensor of this rank with its channels on `axis`."""
    if values.dim() == 0:
        return values
    return values.reshape(-1, *(1 for _ in range(rank - 1 - axis % rank)))


class Site(nn.Module):
    """An activation with a ceiling λ (lam): the largest value that its time mean can have.

    Args:
        ceiling: λ > 0, scalar `[]` or one a channel `[C]`, in units of the activation.
        channel_axis: the axis of the channels in an input `[B, ...]`, the batch's axis counted.
    """

    def __init__(self, ceiling: Tensor, *, channel_axis: int = 1) -> None:
        super().__init__()
        if ceiling.dim() > 1:
            raise InvalidValueError(
                f"A ceiling is a scalar or one value a channel; it has shape {tuple(ceiling.shape)}."
            )
        values = ceiling.detach()
        if values.device.type != "meta" and not bool(((values > 0) & torch.isfinite(values)).all()):
            raise InvalidValueError("Every ceiling must be finite and above 0.")
        self.ceiling = ceiling if isinstance(ceiling, nn.Parameter) else nn.Parameter(ceiling)
        self.channel_axis = channel_axis

    def ceiling_for(self, x: Tensor) -> Tensor:
        """λ, shaped to broadcast over `x`."""
        return along_channels(self.ceiling, x.dim(), self.channel_axis)
