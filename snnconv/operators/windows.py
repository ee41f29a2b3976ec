"""Kernel, stride, dilation and padding attributes that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.node import NodeView, Refusal

__all__ = ["SAME", "explicit_pads", "ints_attribute", "is_symmetric", "pooling_window", "window_pads"]


SAME = ("SAME_UPPER", "SAME_LOWER")


def ints_attribute(node: NodeView, name: str, rank: int, default: int = 1) -> list[int]:
    """Return a per-axis attribute, none of whose values is below its default."""
    values = [int(v) for v in node.attributes.get(name, [default] * rank)]
    if len(values) != rank:
        raise Refusal(f"its {name} {values} do not fit {rank} spatial axes")
    if min(values) < default:
        raise Refusal(f"its {name} {values} must be at least {default}")
    return values


def explicit_pads(node: NodeView, rank: int) -> list[int]:
    """Return begins, then ends, as the attribute `pads` states them."""
    pads = [int(v) for v in node.attributes.get("pads", [0] * (2 * rank))]
    if len(pads) != 2 * rank:
        raise Refusal(f"its pads {pads} do not fit {rank} spatial axes")
    if min(pads) < 0:
        raise Refusal(f"its pads {pads} must not be negative")
    return pads


def window_pads(node: NodeView, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Return begins, then ends; `auto_pad` is worked out from the input's size."""
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


def _ceil_excess(
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """Return what ceil mode adds to the padding to make each axis' last window whole: begins (zeros), then ends.

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
    """Return whether each axis is padded alike at both ends."""
    half = len(pads) // 2
    return list(pads[:half]) == list(pads[half:])


def pooling_window(node: NodeView) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Return kernel, stride, pads, dilation, and what ceil mode adds to the pads.

    Ceil mode is turned into padding: where a window would start in the padding at the end, ONNX's shape inference and
    the runtimes count differently, so that a written file is understood by all only without it.
    """
    rank = node.rank() - 2
    if not 1 <= rank <= 3:
        raise Refusal(f"it has {rank} spatial axes; 1 to 3 are supported")
    if "kernel_shape" not in node.attributes:
        raise Refusal("its kernel_shape is missing")
    kernel = ints_attribute(node, "kernel_shape", rank)
    stride = ints_attribute(node, "strides", rank)
    dilation = ints_attribute(node, "dilations", rank)
    pads = window_pads(node, kernel, stride, dilation)
    if set(dilation) != {1} and node.attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        raise Refusal("runtimes disagree about auto_pad of a dilated window; export it with explicit pads")
    if any(pad >= reach for pad, reach in zip(pads, [*kernel, *kernel], strict=True)):
        raise Refusal(f"its pads {pads} leave windows {kernel} that see nothing but padding")
    excess = [0] * (2 * rank)
    if node.int_attribute("ceil_mode", 0):
        excess = _ceil_excess(node.shape()[2:], kernel, stride, pads, dilation)
    return kernel, stride, pads, dilation, excess
