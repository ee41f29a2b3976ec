"""How each kind of module is written in NIR, and why some are not."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from snnconv.formats.nir.draft import INPUT
from snnconv.formats.nir.layers import Array, as_convolution, averaging, padded, placement, spatial_padding
from snnconv.formats.nir.neurons import neurons_of
from snnconv.formats.nir.signals import NirSignal, by_channel
from snnconv.formats.nir.writer import NIR_FORMS, PASSING, NirWriter
from snnconv.graph.access import operands
from snnconv.graph.linear import NORMS
from snnconv.graph.modules import (
    Arithmetic,
    AveragePool,
    Concat,
    MaxPool,
    Pad,
    ReduceMean,
    Reshape,
    Slice,
    Squeeze,
    Transpose,
)
from snnconv.graph.node import Refusal
from snnconv.neurons import SpikingSite

__all__: list[str] = []


@NIR_FORMS.register(*PASSING)
def _pass(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    return inputs[0]


@NIR_FORMS.register(nn.Linear, nn.Conv2d, Slice, Pad)
def _convolve(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    readers = writer.modules_behind(node)
    pads = spatial_padding(module)
    if pads is not None and len(readers) == 1 and isinstance(readers[0], nn.Conv2d) and readers[0].dilation == (1, 1):
        writer.padding[node] = pads
        return inputs[0]
    convolution = as_convolution(module, inputs[0].shape)
    assert convolution is not None
    if (before := writer.padding.get(operands(node)[0])) is not None:
        joined = padded(convolution, before)
        assert joined is not None
        convolution = joined
    moves = isinstance(module, (Slice, Pad))
    return writer.draft.convolve(str(node.target), tuple(node.meta["shape"]), convolution, inputs[0], moves=moves)


@NIR_FORMS.register(SpikingSite)
def _fire(writer: NirWriter, node: fx.Node, site: SpikingSite, inputs: list[NirSignal]) -> NirSignal:
    draft, name = writer.draft, writer.draft.name(str(node.target))
    neurons = neurons_of(site, inputs[0].shape)
    if writer.unit_thresholds:
        neurons = neurons.in_thresholds()
    sources = draft.plain(inputs[0].scaled(neurons.gain), f"{name}_scaled")
    fires = name
    if writer.exact_reset and neurons.loops:
        parts = {part: draft.name(f"{name}_{part}") for part in ("potential", "fire", "taken", "later")}
        for part, nir_node in neurons.loop(writer.dt).items():
            draft.put(parts[part], nir_node)
        ring = [parts[part] for part in ("potential", "fire", "taken", "later", "potential")]
        draft.edges += itertools.pairwise(ring)
        name, fires = parts["potential"], parts["fire"]
        writer.exact_sites.append(str(node.target))
    else:
        draft.put(name, neurons.node(writer.dt))
    draft.edges += [(source, name) for source in sources]
    writer.sites[str(node.target)] = fires
    return NirSignal({fires: neurons.worth}, inputs[0].shape)


@NIR_FORMS.register(Arithmetic)
def _arithmetic(writer: NirWriter, node: fx.Node, module: Arithmetic, inputs: list[NirSignal]) -> NirSignal:
    if len(inputs) == 2:
        if module.operator not in ("add", "sub"):
            raise Refusal("the product of two signals is in no NIR node: a network without gates is written")
        sign = 1.0 if module.operator == "add" else -1.0
        first, second = inputs[::-1] if module.constant_first else inputs
        return first.plus(second, sign)
    (signal,) = inputs
    assert module.constant is not None
    constant = by_channel(module.constant, signal.shape)
    if module.operator == "mul":
        return signal.scaled(constant)
    if module.operator == "div" and not module.constant_first:
        return signal.scaled(1 / constant)
    if module.operator == "div":
        raise Refusal("it divides by a signal, which no NIR node does")
    if module.operator == "sub" and module.constant_first:
        signal = signal.scaled(np.array(-1.0))
    elif module.operator == "sub":
        constant = -constant
    return writer.draft.shift(signal, constant)


@NIR_FORMS.register(*NORMS)
def _norm(writer: NirWriter, node: fx.Node, module: Any, inputs: list[NirSignal]) -> NirSignal:
    with torch.no_grad():
        scale = 1 / (module.running_var.double() + module.eps).sqrt()
        shift = -module.running_mean.double() * scale
        if module.affine:
            scale, shift = scale * module.weight, shift * module.weight + module.bias
    return writer.draft.shift(inputs[0].scaled(scale.cpu().numpy()), shift.cpu().numpy())


@NIR_FORMS.register(AveragePool)
def _average(writer: NirWriter, node: fx.Node, module: AveragePool, inputs: list[NirSignal]) -> NirSignal:
    (signal,), name = inputs, str(node.target)
    if any(module.pads):
        return writer.draft.convolve(name, tuple(node.meta["shape"]), averaging(module, signal.shape[0]), signal)
    return writer.draft.sum_pool(name, signal, module.kernel, module.stride)


@NIR_FORMS.register(ReduceMean)
def _mean(writer: NirWriter, node: fx.Node, module: ReduceMean, inputs: list[NirSignal]) -> NirSignal:
    shape = inputs[0].shape
    if len(shape) != 3 or sorted(axis % 4 for axis in module.axes) != [2, 3]:
        raise Refusal(f"it averages axes {module.axes} of {list(shape)}: rows and columns of images are averaged")
    pooled = writer.draft.sum_pool(str(node.target), inputs[0], shape[1:], shape[1:])
    return pooled if module.keepdims else writer.draft.flatten(f"{node.target}_flat", pooled)


@NIR_FORMS.register(nn.Flatten, Reshape, Squeeze)
def _flatten(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    """Write a flattening of all axes, whatever module does it."""
    shape = tuple(node.meta["shape"])
    if shape == inputs[0].shape:
        return inputs[0]
    if len(shape) != 1:
        raise Refusal(f"it makes {list(shape)} of {list(inputs[0].shape)}: NIR flattens only")
    return writer.draft.flatten(str(node.target), inputs[0])


@NIR_FORMS.register(MaxPool)
def _maximum(writer: NirWriter, node: fx.Node, module: MaxPool, inputs: list[NirSignal]) -> NirSignal:
    raise Refusal("NIR has no maximum: average pooling in its place, before the network is trained, is written")


@NIR_FORMS.register(Concat)
def _join(writer: NirWriter, node: fx.Node, module: Concat, inputs: list[NirSignal]) -> NirSignal:
    if module.axis != 1 or module.positions:
        raise Refusal("it joins constants, or along another axis than the channels'")
    shape = tuple(node.meta["shape"])
    total, first = sum(signal.shape[0] for signal in inputs), 0
    terms: dict[str, Array] = {}
    for signal in inputs:
        channels = placement(signal.shape[0], total, first, signal.shape)
        terms.update(writer.draft.convolve(str(node.target), shape, channels, signal).terms)
        first += signal.shape[0]
    return NirSignal(terms, shape, frozenset(terms))


@NIR_FORMS.register(Transpose)
def _transpose(writer: NirWriter, node: fx.Node, module: Transpose, inputs: list[NirSignal]) -> NirSignal:
    if list(inputs[0].terms) == [INPUT] and writer.turned:
        return inputs[0]
    raise Refusal("NIR does not permute axes: only an input that is turned to channels first is written")
