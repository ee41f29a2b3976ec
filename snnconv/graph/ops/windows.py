"""Kernel, stride, dilation and padding attributes that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.node import NodeView, Refusal

__all__ = ["SAME", "ceil_excess", "explicit_pads", "ints_attribute", "is_symmetric", "window_pads"]


SAME = ("SAME_UPPER", "SAME_LOWER")


def ints_attribute(node: NodeView, name: str, rank: int, default: int = 1) -> list[int]:
    """A per-axis attribute, none of whose values is below its default."""
    values = [int(v) for v in node.attributes.get(name, [default] * rank)]
    if len(values) != rank:
        raise Refusal(f"its {name} {values} do not fit {rank} spatial axes")
    if min(values) < default:
        raise Refusal(f"its {name} {values} must be at least {default}")
    return values


def explicit_pads(node: NodeView, rank: int) -> list[int]:
    """Begins, then ends, as the attribute `pads` states them."""
    pads = [int(v) for v in node.attributes.get("pads", [0] * (2 * rank))]
    if len(pads) != 2 * rank:
        raise Refusal(f"its pads {pads} do not fit {rank} spatial axes")
    if min(pads) < 0:
        raise Refusal(f"its pads {pads} must not be negative")
    return pads


def window_pads(node: NodeView, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Begins, then ends; `auto_pad` is worked out from the input's size."""
    rank = len(kernel)
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        return explicit_pads(node, rank)
    if auto == "VALID":
        return [0] * (2 * rank)
    if auto not in SAME:
        raise Refusal(f"its auto_pad {auto!r} is not known")
    begins, ends = [], []
    for size, reach, step, spread in zip(node.shape()[2:], kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // step) - 1) * step + spread * (reach - 1) + 1 - size)
        less, more = total // 2, total - total // 2
        begins.append(more if auto == "SAME_LOWER" else less)
        ends.append(less if auto == "SAME_LOWER" else more)
    return begins + ends


def ceil_excess(
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """What ceil mode adds to the padding to make each axis' last window whole: begins (zeros), then ends.

    A window that would start in the padding at the end is left out, as torch and onnxruntime do.
    """
    rank, excess = len(spatial), []
    for axis, size in enumerate(spatial):
        begin, end, step = pads[axis], pads[axis + rank], stride[axis]
        room = size + begin + end - (dilation[axis] * (kernel[axis] - 1) + 1)
        steps = -(-room // step)
        if steps * step >= size + begin:
            steps -= 1
        excess.append(max(0, steps * step - room))
    return [0] * rank + excess


def is_symmetric(pads: Sequence[int]) -> bool:
    """Whether each axis is padded alike at both ends."""
    half = len(pads) // 2
    return list(pads[:half]) == list(pads[half:])
