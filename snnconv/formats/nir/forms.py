"""How each kind of module is written in NIR, and why some are not."""

from __future__ import annotations

import itertools

from torch import fx, nn

from snnconv.formats.nir.layers import as_convolution, padded, spatial_padding
from snnconv.formats.nir.neurons import neurons_of
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NIR_FORMS, TIME, NirWriter
from snnconv.graph.access import operands
from snnconv.graph.modules import (
    Pad,
    Slice,
)
from snnconv.graph.node import Refusal
from snnconv.neurons import SpikingSite

__all__ = ["convolve", "flatten", "pass_on"]


@NIR_FORMS.register(*TIME, nn.Dropout)
def pass_on(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    """Write nothing: the signal goes on as it is."""
    return inputs[0]


def convolve(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    """Write what a convolution of an image computes; zeros around it are left to a convolution behind it."""
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


def flatten(writer: NirWriter, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
    """Write a flattening of all axes, whatever module does it."""
    shape = tuple(node.meta["shape"])
    if shape == inputs[0].shape:
        return inputs[0]
    if len(shape) != 1:
        raise Refusal(f"it makes {list(shape)} of {list(inputs[0].shape)}: NIR flattens only")
    return writer.draft.flatten(str(node.target), inputs[0])


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
