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
from snnconv.formats.hardware.layers import Array, HardwareSignal, Integers, compact, shrunk, whole
from snnconv.formats.hardware.rounding import shift_for
from snnconv.graph.access import display_name
from snnconv.graph.node import Refusal
from snnconv.neurons import QCFS, Leaky, LearnableMultiThreshold, MultiLevel, MultiThreshold, Site
from snnconv.neurons.multithreshold import HALF
from snnconv.neurons.site import along_channels

__all__ = ["DECAY_BITS"]

DECAY_BITS = 12  # behind the point of a decay


@HARDWARE_FORMS.register(QCFS)
def _window(builder: HardwareBuilder, node: fx.Node, site: QCFS, given: list[HardwareSignal]) -> HardwareSignal:
    return _neurons(builder, node, site, given[0], site.total_levels, np.asarray(HALF))


@HARDWARE_FORMS.register(MultiThreshold)
def _multithreshold(
    builder: HardwareBuilder, node: fx.Node, site: MultiThreshold, given: list[HardwareSignal]
) -> HardwareSignal:
    rank = len(node.meta["shape"])
    initial = along_channels(site.initial.detach().double(), rank + 1, site.channel_axis).cpu().numpy()
    return _neurons(builder, node, site, given[0], site.levels, initial)


@HARDWARE_FORMS.register(Leaky)
def _leaky(builder: HardwareBuilder, node: fx.Node, site: Leaky, given: list[HardwareSignal]) -> HardwareSignal:
    decay = None if site.decay == 1 else round(site.decay * 2**DECAY_BITS)
    return _neurons(builder, node, site, given[0], site.levels, None, reset=site.reset, decay=decay)


@HARDWARE_FORMS.register(MultiLevel, LearnableMultiThreshold)
def _others(builder: HardwareBuilder, node: fx.Node, site: Site, given: list[HardwareSignal]) -> HardwareSignal:
    raise Refusal("only IF, LIF and M-HT neurons have an integer form: train or convert with --neuron mht, if or lif")


def _neurons(
    builder: HardwareBuilder,
    node: fx.Node,
    site: Site,
    given: HardwareSignal,
    levels: int,
    initial: Array | None,
    *,
    reset: str = "soft",
    decay: int | None = None,
) -> HardwareSignal:
    """A layer of neurons; `initial` is v_0 in units of θ, None of neurons that fire above k - 1/2."""
    shape = tuple(node.meta["shape"])
    real = thresholds_of(site, len(shape))
    shift = shift_for(real, given.scale)
    unit = given.scale / 2**shift
    threshold = 2 * whole(real / unit / 2)
    start = np.zeros(()) if initial is None else initial
    potential = whole(start * threshold)
    arrays = {
        "thresholds": _with_real(threshold, real, shape),
        "initial": _with_real(potential, np.asarray(start * real), shape),
    }
    if initial is None:
        arrays["offsets"] = Integers(*compact(threshold // 2 - 1, shape))
    lowest = -levels if site.signed else 0
    attributes = {"lowest": lowest, "highest": levels, "reset": reset, "shift": shift, "decay": decay}
    low, high = given.low * 2**shift, given.high * 2**shift
    held = (int(min(0, potential.min())) + builder.passes * low, int(max(0, potential.max())) + builder.passes * high)
    state = (held[0], held[1] + (int(threshold.max()) if initial is None else 0))
    scale = np.asarray(threshold * unit)
    name = display_name(node)
    return builder.add(
        name, "neurons", [given], scale, (lowest, levels), shape, attributes=attributes, arrays=arrays, state=state
    )


def _with_real(values: Array, real: Array, shape: tuple[int, ...]) -> Integers:
    """An array with what it was rounded from, in one shape."""
    ranked = np.broadcast_to(real, np.broadcast_shapes(real.shape, (1,) * len(shape)))
    joint = np.broadcast_arrays(shrunk(values), shrunk(ranked))
    wide = [axis for axis, size in enumerate(joint[0].shape) if size != 1]
    if len(wide) > 1:
        return Integers(np.broadcast_to(values, shape), None, np.broadcast_to(ranked, shape))
    integers, own = (each.reshape(-1) for each in joint)
    return Integers(integers, wide[0] if wide else None, own)
