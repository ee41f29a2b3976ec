"""Conv over one to three spatial axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.linear import weighted
from snnconv.formats.nir.forms import convolve
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NirWriter
from snnconv.formats.onnx.integers import LevelForm, in_units
from snnconv.graph.emission import Emission
from snnconv.graph.linear import CONVOLUTIONS
from snnconv.graph.modules import Pad
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, NoForm, Operator, Time, Work, register_operator
from snnconv.operators.windows import ints_attribute, is_symmetric, window_pads

__all__ = [
    "NO_ROUTE",
    "convolution_module",
    "fan_out_of_ones",
    "groups_of",
    "require_channels",
    "spatial_rank",
    "write_convolution",
]

NO_ROUTE = NoForm("its output is made of currents")


def spatial_rank(node: NodeView) -> int:
    """Return the number of spatial axes; other than one to three are refused, and a weight that does not fit."""
    rank = node.need_constant(1).ndim - 2
    if not 1 <= rank <= 3:
        raise Refusal(f"it has {rank} spatial axes; 1 to 3 are supported")
    if node.rank() != rank + 2:
        raise Refusal(f"its weight of rank {rank + 2} does not fit an input of rank {node.rank()}")
    kernel = node.need_constant(1).shape[2:]
    if tuple(node.attributes.get("kernel_shape", kernel)) != kernel:
        raise Refusal(f"its kernel_shape {node.attributes['kernel_shape']} is not that of its weight, {list(kernel)}")
    return rank


def groups_of(node: NodeView) -> int:
    """Return the number of groups, which must divide a Conv's output channels or a ConvTranspose's input channels."""
    groups, weight = node.int_attribute("group", 1), node.need_constant(1).shape
    if groups < 1 or weight[0] % groups:
        raise Refusal(f"its weight {weight} cannot be divided into {groups} groups")
    return groups


def require_channels(node: NodeView, channels: int, groups: int) -> None:
    """Refuse an input that has another number of channels than the weight takes."""
    if node.shape()[1] != channels:
        weight = node.need_constant(1).shape
        raise Refusal(f"its weight {weight} with {groups} groups does not fit {node.shape()[1]} input channels")


def convolution_module(kind: type[Any], node: NodeView, **options: Any) -> nn.Module:
    """Return the module with the file's own tensors in the place of fresh ones."""
    weight, bias, outputs = node.parameter(1), node.constant(2), options["out_channels"]
    if bias is not None and bias.shape != (outputs,):
        raise Refusal(f"its bias of shape {bias.shape} does not hold one value for each of {outputs} output channels")
    with torch.device("meta"):
        module: nn.Module = kind(bias=bias is not None, **options)
    module.weight = weight
    if bias is not None:
        module.bias = node.parameter(2)
    return module


def _read(node: NodeView) -> Call:
    rank = spatial_rank(node)
    weight = node.need_constant(1).shape
    group = groups_of(node)
    require_channels(node, weight[1] * group, group)
    stride = ints_attribute(node, "strides", rank)
    dilation = ints_attribute(node, "dilations", rank)
    pads = window_pads(node, weight[2:], stride, dilation)
    symmetric = is_symmetric(pads)
    module = convolution_module(
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


def write_convolution(
    operator: str, module: Any, emission: Emission, inputs: Sequence[str], name: str, **more: Any
) -> str:
    """Write a convolution, transposed or not; returns the name of its output."""
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


def _write(module: Any, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return write_convolution("Conv", module, emission, inputs, name)


def _dense(module: Any, inputs: int, outputs: int) -> Work:
    """One multiply-accumulate a weight and output; padding is multiplied too, as the field counts."""
    return Work(int(outputs * math.prod(module.kernel_size) * module.in_channels // module.groups), 0)


def fan_out_of_ones(module: Any, shape: torch.Size, convolve: Callable[..., Tensor], **more: Any) -> Tensor:
    """Return how many outputs each position `[*spatial]` feeds: the gradient of one channel whose weights are all 1."""
    options = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation, **more}
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(1, 1, *shape[2:], requires_grad=True)
        fed = convolve(x, torch.ones(1, 1, *module.kernel_size), **options)
        (reached,) = torch.autograd.grad(fed.sum(), x)
    per_channel: Tensor = reached[0, 0] * (module.out_channels // module.groups)
    return per_channel


def _fan_out(module: Any, shape: torch.Size) -> Tensor:
    convolve: Any = (F.conv1d, F.conv2d, F.conv3d)[len(module.kernel_size) - 1]
    return fan_out_of_ones(module, shape, convolve)


def _hardware(builder: HardwareBuilder, node: fx.Node, module: Any, inputs: list[HardwareSignal]) -> HardwareSignal:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise Refusal(f"it pads with {module.padding_mode!r}: pad with zeros")
    step, offset = inputs[0].along(0)
    attributes = {
        "strides": list(module.stride),
        "pads": [*module.padding, *module.padding],
        "dilations": list(module.dilation),
        "groups": module.groups,
    }
    return weighted(
        builder, node, module, inputs[0], "convolution", in_units(module, step, np.ones(())), offset, attributes
    )


def _nir(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    if not isinstance(module, nn.Conv2d):
        raise writer.no_form(node)
    return convolve(writer, node, module, inputs)


CONVOLUTION = register_operator(
    Operator(
        modules=CONVOLUTIONS,
        reads={("", "Conv"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.SYNAPSES, reads_weights=True, fan_out=_fan_out),
        routes=NO_ROUTE,
        shape=None,
        forms={"hardware": _hardware, "int8": LevelForm.CONVOLVED, "nir": _nir},
    )
)
