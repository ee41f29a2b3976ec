r"""Linear modules as arrays that NIR's nodes hold. Shapes are those of one sample, `[C, H, W]` or `[features]`.

NIR pads both sides of an axis alike. A convolution that pads `before` and `after` is the one that pads p = max of both,
its kernel lengthened by p - before zeros in front and p - after behind (derived: both see the same values of the same
windows). Slicing, padding and joining along channels are convolutions with kernels of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from snnconv.graph.modules import AveragePool, Pad, Slice
from snnconv.graph.node import Refusal

__all__ = ["Convolution", "as_convolution", "averaging", "composed", "padded", "placement", "spatial_padding"]

Array = NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Convolution:
    """A two-dimensional convolution, or over `[features]` a matrix.

    Attributes:
        weight: `[O, I/groups, kh, kw]`, or `[O, I]`.
        bias: `[O]`.
        stride, padding, dilation: Steps, zeros and spacing of rows and columns; unused by a matrix.
        groups: Number of groups, counted as torch counts them.
    """

    weight: Array
    bias: Array
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def of_scaled(self, scale: Array) -> Convolution:
        """Return the operator for an input that is `scale` (`[]` or `[I]`) times what it was."""
        inputs = self.weight.shape[1] * self.groups
        scales = np.broadcast_to(scale, (inputs,)).reshape(self.groups, 1, -1)
        grouped = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        return replace(
            self, weight=(grouped * scales[(...,) + (None,) * (grouped.ndim - 3)]).reshape(self.weight.shape)
        )

    def scaled(self, scale: Array) -> Convolution:
        """Return the operator with an output that is `scale` (`[]` or `[O]`) times what it was."""
        rows = np.broadcast_to(scale, self.bias.shape)
        weight = self.weight * rows.reshape(-1, *(1,) * (self.weight.ndim - 1))
        return replace(self, weight=weight, bias=self.bias * rows)

    def shifted(self, shift: Array) -> Convolution:
        """Return the operator with `shift` (`[]` or `[O]`) added to its output."""
        return replace(self, bias=self.bias + shift)


def as_convolution(module: nn.Module, shape: Shape) -> Convolution | None:
    """Return a linear module, or one that moves values, as a convolution; None where it is none.

    Args:
        module: Module of an imported graph.
        shape: Shape of its input.

    Raises:
        Refusal: It has no such form.
    """
    if isinstance(module, nn.Linear):
        return _linear(module, shape)
    if isinstance(module, nn.Conv2d):
        return _convolution(module)
    if isinstance(module, Slice):
        return _slice(module, shape)
    if isinstance(module, Pad):
        return _pad(module, shape)
    return None


def placement(channels: int, total: int, first: int, shape: Shape) -> Convolution:
    """Put all channels of an input behind `first` others, zeros in the other channels of `total`."""
    weight = np.zeros((total, channels))
    weight[first + np.arange(channels), np.arange(channels)] = 1
    return _of_channels(weight, shape)


def _of_channels(weight: Array, shape: Shape) -> Convolution:
    """Apply a matrix `[O, I]` to the channels of every pixel."""
    if len(shape) == 3:
        weight = weight[:, :, None, None]
    return Convolution(weight, np.zeros(len(weight)))


def _double(values: Any) -> Array:
    array: Array = values.detach().double().cpu().numpy()
    return array


def _linear(module: nn.Linear, shape: Shape) -> Convolution:
    if len(shape) != 1:
        raise Refusal(f"it acts along the last axis of {list(shape)}: NIR's Affine takes [features]")
    weight = _double(module.weight)
    return Convolution(weight, np.zeros(len(weight)) if module.bias is None else _double(module.bias))


def _convolution(module: nn.Conv2d) -> Convolution:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise Refusal(f"its padding is {module.padding!r} ({module.padding_mode}): NIR pads with zeros")
    weight = _double(module.weight)
    return Convolution(
        weight,
        np.zeros(len(weight)) if module.bias is None else _double(module.bias),
        _pair(module.stride),
        _pair(module.padding),
        _pair(module.dilation),
        module.groups,
    )


def _pair(values: Sequence[int]) -> tuple[int, int]:
    rows, columns = (int(value) for value in values)
    return rows, columns


def _windows(
    taps: Sequence[Array], stride: Sequence[int], pads: Sequence[tuple[int, int]], channels: Array
) -> Convolution:
    """Return a convolution that takes one value of each window along rows and columns.

    Args:
        taps: Weights of a window along each axis.
        stride: Stride along each axis.
        pads: Zeros before and after each axis.
        channels: Weights between the channels, `[O, I]`.
    """
    longer, padding = [], []
    for tap, (before, after) in zip(taps, pads, strict=True):
        both = max(before, after)
        longer.append(np.concatenate([np.zeros(both - before), tap, np.zeros(both - after)]))
        padding.append(both)
    weight = channels[:, :, None, None] * longer[0][:, None] * longer[1]
    return Convolution(weight, np.zeros(len(channels)), _pair(stride), _pair(padding))


def _slice(module: Slice, shape: Shape) -> Convolution:
    cut = [slice(None)] * len(shape)
    for axis, start, stop, step in zip(module.axes, module.starts, module.stops, module.steps, strict=True):
        cut[axis - 1] = slice(start, stop, step)
    channels = np.eye(shape[0])[cut[0]]
    if len(shape) == 1:
        return _of_channels(channels, shape)
    if len(shape) != 3:
        raise Refusal(f"it cuts {list(shape)}: [C, H, W] and [features] are written")
    taps, strides = [], []
    for size, window in zip(shape[1:], cut[1:], strict=True):
        start, _, step = window.indices(size)
        count = len(range(*window.indices(size)))
        length = max(start + 1, size - step * count + 1)  # as long as leaves `count` windows
        if (size - length) // step + 1 != count:
            length = size - step * (count - 1)
        tap = np.zeros(length)
        tap[start] = 1
        taps.append(tap)
        strides.append(step)
    return _windows(taps, strides, [(0, 0), (0, 0)], channels)


def _pad(module: Pad, shape: Shape) -> Convolution:
    rank = len(module.pads) // 2
    if module.mode != "constant" or module.value:
        raise Refusal(f"it pads with {module.mode} {module.value}: NIR pads with zeros")
    pads = [(0, 0)] * (len(shape) - rank) + list(zip(module.pads[:rank], module.pads[rank:], strict=True))
    if min(min(pair) for pair in pads) < 0 or len(shape) not in (1, 3):
        raise Refusal(f"it pads {list(shape)} by {module.pads}: zeros around [C, H, W] or [features] are written")
    channels = np.pad(np.eye(shape[0]), [pads[0], (0, 0)])
    if len(shape) == 1:
        return _of_channels(channels, shape)
    return _windows([np.ones(1), np.ones(1)], (1, 1), pads[1:], channels)


def spatial_padding(module: nn.Module) -> list[tuple[int, int]] | None:
    """Return the zeros that a module puts around rows and columns; None where it does anything else."""
    if not isinstance(module, Pad) or module.mode != "constant" or module.value or min(module.pads) < 0:
        return None
    rank = len(module.pads) // 2
    pads = list(zip(module.pads[:rank], module.pads[rank:], strict=True))
    return pads[-2:] if rank >= 2 and not any(any(pair) for pair in pads[:-2]) else None


def averaging(pool: AveragePool, channels: int) -> Convolution:
    """Return average pooling with padding that counts, as a convolution of each channel with itself."""
    if len(pool.kernel) != 2 or not pool.count_include_pad:
        raise Refusal("its padding does not count in its averages, which NIR cannot say: pad with zeros that count")
    taps = [np.full(size, 1 / size) for size in pool.kernel]
    pads = list(zip(pool.pads[:2], pool.pads[2:], strict=True))
    return _windows(taps, pool.stride, pads, np.eye(channels))


def composed(first: Convolution, second: Convolution) -> Convolution | None:
    """Return two convolutions of single pixels, without padding, as one; None where they are not such."""
    single = all(
        part.weight.shape[2:] in ((), (1, 1)) and part.padding == (0, 0) and part.groups == 1
        for part in (first, second)
    )
    if not single or first.weight.ndim != second.weight.ndim:
        return None
    outer: Array = second.weight.reshape(len(second.weight), -1)
    inner: Array = first.weight.reshape(len(first.weight), -1)
    weight = (outer @ inner).reshape(len(outer), -1, *first.weight.shape[2:])
    stride = _pair([a * b for a, b in zip(first.stride, second.stride, strict=True)])
    return replace(first, weight=weight, bias=outer @ first.bias + second.bias, stride=stride)


def padded(convolution: Convolution, pads: Sequence[tuple[int, int]]) -> Convolution | None:
    """Return zero padding and the convolution behind it as one; None where a gap in its kernel forbids it."""
    if convolution.dilation != (1, 1) or convolution.weight.ndim != 4:
        return None
    whole = [(zeros + before, zeros + after) for zeros, (before, after) in zip(convolution.padding, pads, strict=True)]
    both = [max(pair) for pair in whole]
    room = [(most - before, most - after) for most, (before, after) in zip(both, whole, strict=True)]
    weight = np.pad(convolution.weight, [(0, 0), (0, 0), *room])
    return replace(convolution, weight=weight, padding=_pair(both))
