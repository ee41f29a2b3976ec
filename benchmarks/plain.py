"""An imported graph made of torch's own modules and functions only, for tools that know no others.

SpikingJelly's step modes take a fixed list of module types: padding and slicing become convolutions and poolings that
do the same exactly.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn

from snnconv.graph.access import calls, module_of, operands, results
from snnconv.graph.modules import Arithmetic, AveragePool, MaxPool, Pad, ReduceMean, Reshape, Slice

__all__ = ["plain"]

OPEN_END = 2**31  # stops from here on mean the end of the axis
FUNCTIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}
OWN = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.ReLU, nn.Hardtanh, nn.Flatten, nn.Softmax)


def plain(graph: fx.GraphModule) -> fx.GraphModule:
    """A graph of images `[B, C, H, W]` that computes the same; modules are shared with the given one.

    Raises:
        ValueError: a module has no such form.
    """
    root, made = nn.Module(), fx.Graph()
    values: dict[fx.Node, fx.Node] = {}
    first = next(node for node in graph.graph.nodes if node.op == "placeholder")
    values[first] = made.placeholder("input")
    for node in calls(graph):
        module, given = module_of(graph, node), operands(node)
        if isinstance(module, Arithmetic) and len(given) == 2 and module.operator in FUNCTIONS:
            values[node] = made.call_function(FUNCTIONS[module.operator], tuple(values[each] for each in given))
            continue
        source = given[0]
        if _is_padding_of_a_convolution(graph, node):
            values[node] = values[source]
            continue
        if isinstance(module, nn.Conv2d) and source.op == "call_module":
            before = module_of(graph, source)
            if isinstance(before, Pad) and _is_padding_of_a_convolution(graph, source):
                module = _padded(module, before)
        root.add_module(str(node.target), _translated(module, source.meta["shape"], node.meta["shape"]))
        values[node] = made.call_module(str(node.target), (values[source],))
    (out,) = results(graph)
    made.output(values[out])
    return fx.GraphModule(root, made).eval()


def _is_padding_of_a_convolution(graph: fx.GraphModule, node: fx.Node) -> bool:
    module = module_of(graph, node)
    if not isinstance(module, Pad) or len(node.users) != 1 or module.mode != "constant" or module.value != 0:
        return False
    (user,) = node.users
    if user.op != "call_module" or not isinstance(convolution := module_of(graph, user), nn.Conv2d):
        return False
    axes = len(module.pads) // 2
    spatial = axes == 2 or (axes == 3 and module.pads[0] == module.pads[3] == 0)
    return spatial and not any(convolution.padding) and min(module.pads) >= 0


def _padded(convolution: nn.Conv2d, pad: Pad) -> nn.Conv2d:
    """Padding that differs between the two ends: as much as the larger at both, and a kernel that skips the excess."""
    axes = len(pad.pads) // 2
    begins, ends = pad.pads[axes - 2 : axes], pad.pads[2 * axes - 2 :]
    if any(begin > end for begin, end in zip(begins, ends, strict=True)) or set(convolution.dilation) != {1}:
        raise ValueError(f"a convolution after {pad} has no symmetric form")
    top, left = (end - begin for begin, end in zip(begins, ends, strict=True))
    weight = nn.functional.pad(convolution.weight.detach(), (left, 0, top, 0))
    made = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        tuple(weight.shape[2:]),
        convolution.stride,
        ends,
        groups=convolution.groups,
    )
    made.weight = nn.Parameter(weight)
    made.bias = convolution.bias
    return made


def _translated(module: Any, given: tuple[int, ...], made: tuple[int, ...]) -> nn.Module:
    if isinstance(module, OWN):
        return module
    if isinstance(module, AveragePool) and not any(module.pads):
        return nn.AvgPool2d(module.kernel, module.stride)
    if isinstance(module, MaxPool) and module.pads[:2] == module.pads[2:]:
        return nn.MaxPool2d(module.kernel, module.stride, module.pads[:2], module.dilation)
    if isinstance(module, ReduceMean) and sorted(axis % 4 for axis in module.axes) == [2, 3]:
        pool = nn.AdaptiveAvgPool2d(1)
        return pool if module.keepdims else nn.Sequential(pool, nn.Flatten(1))
    if isinstance(module, Reshape) and module.batch_factor == 1 and len(made) == 1:
        return nn.Flatten(1)
    if isinstance(module, Slice) and set(module.starts) == {0} and min(module.stops) >= OPEN_END:
        steps = dict(zip(module.axes, module.steps, strict=True))
        if not set(steps) - {2, 3}:
            return nn.AvgPool2d(1, (steps.get(2, 1), steps.get(3, 1)))
    if isinstance(module, Pad) and len(module.pads) == 6 and module.mode == "constant" and module.value == 0:
        before, after = module.pads[0], module.pads[3]
        if not any(module.pads[1:3] + module.pads[4:]) and min(before, after) >= 0:
            return _channel_padding(given[0], before, after)
    raise ValueError(f"{type(module).__name__}({module.extra_repr()}) has no form of torch's modules alone")


def _channel_padding(channels: int, before: int, after: int) -> nn.Conv2d:
    made = nn.Conv2d(channels, before + channels + after, 1, bias=False)
    with torch.no_grad():
        made.weight.zero_()
        made.weight[before : before + channels, :, 0, 0] = torch.eye(channels)
    return made
