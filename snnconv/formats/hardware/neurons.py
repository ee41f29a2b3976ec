r"""Layers of neurons in integers: thresholds, potentials and levels, and nothing else.

    u = (v·decay >> 12) + (current << shift)        without a decay u = v + (current << shift)
    s = clip(floor((u + offset) / θ), lowest, highest)
    v = u - s·θ                                     soft reset; hard: 0 where s > 0, else u

θ is even. M-HT neurons begin at v = v_0 and have offset 0. IF and LIF neurons, which fire level k strictly above
k - 1/2, begin at 0 and have offset θ/2 - 1: in integers u + θ/2 > k·θ is u + θ/2 - 1 >= k·θ. What a level is worth to
the layers that follow is θ as it was rounded, so that rounding moves the ceiling, by 2^-8 of it at most, and nothing
else.

Under mean coupling a layer runs once a window: its current is the sum over the window of what the layer before fired,
and the levels are 0..N of the window.
"""

from __future__ import annotations

import numpy as np
from torch import fx

from snnconv.formats.hardware.ahead import thresholds_of
from snnconv.formats.hardware.builder import HARDWARE_FORMS, HardwareBuilder
from snnconv.formats.hardware.differential import messages, sums
from snnconv.formats.hardware.layers import HardwareSignal, Integers, compact, whole, with_real
from snnconv.formats.hardware.rounding import shift_for
from snnconv.graph.access import display_name
from snnconv.graph.node import Refusal
from snnconv.neurons import NoForm, Site, capabilities_of
from snnconv.neurons.forms import IntegerMessages, IntegerNeurons, IntegerSums
from snnconv.neurons.site import along_channels

__all__ = ["DECAY_BITS"]

DECAY_BITS = 12  # behind the point of a decay


@HARDWARE_FORMS.register(Site)
def _neurons(builder: HardwareBuilder, node: fx.Node, site: Site, given: list[HardwareSignal]) -> HardwareSignal:
    """Add a layer of neurons, as its kind says that integers hold it."""
    form = capabilities_of(site).integers
    if isinstance(form, NoForm):
        raise Refusal(form.reason)
    neurons, (received,) = form(site), given
    if isinstance(neurons, IntegerMessages):
        return messages(builder, node, site, neurons, received)
    if isinstance(neurons, IntegerSums):
        return sums(builder, node, site, neurons, received)
    return _levels(builder, node, site, neurons, received)


def _levels(
    builder: HardwareBuilder, node: fx.Node, site: Site, neurons: IntegerNeurons, received: HardwareSignal
) -> HardwareSignal:
    """Add a layer of neurons that fire, and are reset."""
    shape = tuple(node.meta["shape"])
    real = thresholds_of(site, len(shape))
    shift = shift_for(real, received.scale)
    unit = received.scale / 2**shift
    threshold = 2 * whole(real / unit / 2)
    start = np.zeros(())
    if neurons.initial is not None:
        values = along_channels(neurons.initial.detach().double(), len(shape) + 1, site.channel_axis)
        start = values.cpu().numpy()
    potential = whole(start * threshold)
    arrays = {
        "thresholds": with_real(threshold, real, shape),
        "initial": with_real(potential, np.asarray(start * real), shape),
    }
    strict = neurons.initial is None  # fires strictly above k - 1/2
    if strict:
        arrays["offsets"] = Integers(*compact(threshold // 2 - 1, shape))
    levels, lowest = neurons.levels, -neurons.levels if site.signed else 0
    decay = None if neurons.decay == 1 else round(neurons.decay * 2**DECAY_BITS)
    attributes = {"lowest": lowest, "highest": levels, "reset": neurons.reset, "shift": shift, "decay": decay}
    low, high = received.low * 2**shift, received.high * 2**shift
    held = (int(min(0, potential.min())) + builder.passes * low, int(max(0, potential.max())) + builder.passes * high)
    state = (held[0], held[1] + (int(threshold.max()) if strict else 0))
    return builder.add(
        display_name(node),
        "neurons",
        [received],
        np.asarray(threshold * unit),
        (lowest, levels),
        shape,
        attributes=attributes,
        arrays=arrays,
        state=state,
    )
