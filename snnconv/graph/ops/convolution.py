"""Conv and ConvTranspose over one to three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Pad, Slice
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal
from snnconv.graph.ops.windows import SAME, explicit_pads, ints_attribute, is_symmetric, window_pads

CONVOLUTIONS: tuple[type[Any], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED: tuple[type[Any], ...] = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def _spatial_rank(node: NodeView) -> int:
    rank = node.need_constant(1).ndim - 2
    if not 1 <= rank <= 3:
        raise Refusal(f"it has {rank} spatial axes; 1 to 3 are supported")
    if node.rank() != rank + 2:
        raise Refusal(f"its weight of rank {rank + 2} does not fit an input of rank {node.rank()}")
    kernel = node.need_constant(1).shape[2:]
    if tuple(node.attributes.get("kernel_shape", kernel)) != kernel:
        raise Refusal(f"its kernel_shape {node.attributes['kernel_shape']} is not that of its weight, {list(kernel)}")
    return rank


def _groups(node: NodeView) -> int:
    """Number of groups, which must divide a Conv's output channels or a ConvTranspose's input channels."""
    groups, weight = node.int_attribute("group", 1), node.need_constant(1).shape
    if groups < 1 or weight[0] % groups:
        raise Refusal(f"its weight {weight} cannot be divided into {groups} groups")
    return groups


def _require_channels(node: NodeView, channels: int, groups: int) -> None:
    """Refuse an input that has another number of channels than the weight takes."""
    if node.shape()[1] != channels:
        weight = node.need_constant(1).shape
        raise Refusal(f"its weight {weight} with {groups} groups does not fit {node.shape()[1]} input channels")


def _build(kind: type[Any], node: NodeView, **options: Any) -> nn.Module:
    """The module with the file's own tensors in the place of fresh ones."""
    weight, bias, outputs = node.parameter(1), node.constant(2), options["out_channels"]
    if bias is not None and bias.shape != (outputs,):
        raise Refusal(f"its bias of shape {bias.shape} does not hold one value for each of {outputs} output channels")
    with torch.device("meta"):
        module: nn.Module = kind(bias=bias is not None, **options)
    module.weight = weight
    if bias is not None:
        module.bias = node.parameter(2)
    return module


@HANDLERS.register(("", "Conv"))
def _import_conv(node: NodeView) -> Call:
    rank = _spatial_rank(node)
    weight = node.need_constant(1).shape
    group = _groups(node)
    _require_channels(node, weight[1] * group, group)
    stride = ints_attribute(node, "strides", rank)
    dilation = ints_attribute(node, "dilations", rank)
    pads = window_pads(node, weight[2:], stride, dilation)
    symmetric = is_symmetric(pads)
    module = _build(
        CONVOLUTIONS[rank - 1],
        node,
        in_channels=node.shape()[1],
        out_channels=weight[0],
        kernel_size=weight[2:],
        stride=stride,
        padding=pads[:rank] if symmetric else [0] * rank,
        dilation=dilation,
        groups=group,
    )
    return Call((module,) if symmetric else (Pad(pads), module))


@HANDLERS.register(("", "ConvTranspose"))
def _import_conv_transpose(node: NodeView) -> Call:
    rank = _spatial_rank(node)
    weight = node.need_constant(1).shape
    group = _groups(node)
    _require_channels(node, weight[0], group)
    stride = ints_attribute(node, "strides", rank)
    dilation = ints_attribute(node, "dilations", rank)
    extra = ints_attribute(node, "output_padding", rank, default=0)
    if any(more >= max(step, spread) for more, step, spread in zip(extra, stride, dilation, strict=True)):
        raise Refusal(f"its output_padding {extra} must be less than its strides or dilations")
    whole = [
        (size - 1) * step + spread * (reach - 1) + 1 + more
        for size, step, spread, reach, more in zip(node.shape()[2:], stride, dilation, weight[2:], extra, strict=True)
    ]
    pads = _transposed_pads(node, whole, stride)
    module = _build(
        TRANSPOSED[rank - 1],
        node,
        in_channels=weight[0],
        out_channels=weight[1] * group,
        kernel_size=weight[2:],
        stride=stride,
        padding=pads[:rank] if is_symmetric(pads) else [0] * rank,
        output_padding=extra,
        dilation=dilation,
        groups=group,
    )
    if is_symmetric(pads):
        return Call((module,))
    stops = [size - end for size, end in zip(whole, pads[rank:], strict=True)]
    return Call((module, Slice(list(range(2, rank + 2)), pads[:rank], stops, [1] * rank)))


def _transposed_pads(node: NodeView, whole: Sequence[int], stride: Sequence[int]) -> list[int]:
    """What is cut off at the begins and the ends of the whole output."""
    rank = len(whole)
    auto = node.attributes.get("auto_pad", "NOTSET")
    wanted = node.attributes.get("output_shape")
    if not wanted and auto in SAME:
        wanted = [size * step for size, step in zip(node.shape()[2:], stride, strict=True)]
    if not wanted:
        return explicit_pads(node, rank) if auto in ("NOTSET", "") else [0] * (2 * rank)
    total = [size - int(goal) for size, goal in zip(whole, list(wanted)[-rank:], strict=True)]
    if min(total) < 0:
        raise Refusal(f"its output of shape {list(wanted)} is larger than the {whole} that it can fill")
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return less + more if auto == "SAME_UPPER" else more + less


def _emit(operator: str, module: Any, emission: Emission, inputs: Sequence[str], name: str, **more: Any) -> str:
    operands = [*inputs, emission.parameter(module.weight, f"{name}.weight")]
    if module.bias is not None:
        operands.append(emission.parameter(module.bias, f"{name}.bias"))
    return emission.node(
        operator,
        operands,
        name,
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        dilations=list(module.dilation),
        pads=[*module.padding, *module.padding],
        group=module.groups,
        **more,
    )


@EMITTERS.register(*CONVOLUTIONS)
def _emit_conv(module: Any, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return _emit("Conv", module, emission, inputs, name)


@EMITTERS.register(*TRANSPOSED)
def _emit_conv_transpose(module: Any, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return _emit("ConvTranspose", module, emission, inputs, name, output_padding=list(module.output_padding))
