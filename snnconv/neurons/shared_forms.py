"""Parts that the forms of several kinds are made of."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.neurons.forms import Array, NoForm, Shape, SpikeForm
from snnconv.neurons.onnx_attributes import emit_ceiling
from snnconv.neurons.site import QuantizedSite, SpikingSite, along_channels
from snnconv.neurons.spike_counts import SpikeCounts, count_levels
from snnconv.neurons.time import unfold_time

__all__ = [
    "FIRES_ONLY",
    "FIXED_LEVELS",
    "LEVEL_SPIKES",
    "NOT_MHT",
    "NO_BYTES",
    "ONE_COUPLING",
    "SPIKES_ALREADY",
    "STARTS_AT_0",
    "UNSIGNED",
    "emit_number",
    "emit_threshold",
    "highest_level",
    "over_batch",
    "over_sample",
    "retimed",
    "retimed_alone",
    "turn_mpr_on",
]

S = TypeVar("S", bound=SpikingSite)

SPIKES_ALREADY = NoForm("it spikes already")
UNSIGNED = NoForm("it fires no negative spikes")
NO_BYTES = NoForm("8-bit levels are written of M-HT neurons only: convert a network, or train with --neuron mht")
ONE_COUPLING = NoForm("neurons of this kind leak or reset in their own way, and have no other coupling")
FIXED_LEVELS = NoForm("only mht and lmht can be calibrated for other levels")
NOT_MHT = NoForm("only mean-coupled mht can become lmht")
FIRES_ONLY = NoForm("it fires, and tells no changes of a value: --coupling differential makes neurons that do")
STARTS_AT_0 = NoForm("it starts at 0")


def retimed(site: S, timesteps: int, levels: int | None = None) -> S:
    """Return a copy of a layer with another T, and another L where it is stated."""
    layer = copy.deepcopy(site)
    layer.timesteps = timesteps
    layer.levels = site.levels if levels is None else levels
    return layer


def retimed_alone(site: SpikingSite, quantized: QuantizedSite, timesteps: int) -> SpikingSite:
    """Return a copy of a layer with another T, whose ceilings and levels stay whatever the quantized activation is."""
    return retimed(site, timesteps)


def turn_mpr_on(site: Any) -> None:
    """Let a layer train with the membrane potential rectifier."""
    site.rectified = True


def highest_level(site: SpikingSite) -> int:
    """Return L, for neurons whose observed potential fires all levels."""
    return site.levels


def over_sample(values: Tensor | float, shape: Shape, axis: int | None) -> Array:
    """Return a value for each neuron of a sample, of this shape.

    Args:
        values: A number, one value a channel `[C]`, or what broadcasts to a sample.
        shape: Shape of one sample.
        axis: Axis of the channels, the batch's axis counted; None where `[C]` broadcasts as it is.
    """
    array = values.detach().double().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values, float)
    if array.ndim == 1 and axis is not None:
        array = array.reshape(-1, *(1,) * (len(shape) - axis))
    return np.broadcast_to(array, shape).copy()


def over_batch(values: Tensor, like: Array, axis: int) -> Array:
    """Return a scalar or one value a channel, `[C]`, as an array that broadcasts over `[B, ...]`."""
    array = along_channels(values.detach(), like.ndim, axis).double().cpu().numpy()
    return np.asarray(array, np.float64)


def _level_spikes(site: SpikingSite, output: Tensor, timesteps: int) -> SpikeCounts:
    """Return the spikes of neurons that emit θ times a level at each step, of their output `[T*B, ...]`."""
    levels = (output.detach() / (site.ceiling_for(output).detach() / site.levels)).round_()
    return count_levels(unfold_time(levels.abs_() if site.signed else levels, site.timesteps), site.levels)


LEVEL_SPIKES = SpikeForm(_level_spikes)


def emit_number(emission: Emission, value: float) -> str:
    """Write a number as an initializer that all layers share; return its name."""
    return emission.once(float(value), f"number.{value:g}")


def emit_threshold(site: SpikingSite, emission: Emission, name: str) -> str:
    """Write θ = λ/L of a layer; return its name."""
    ceiling = emit_ceiling(site, emission, name)
    return emission.node("Div", [ceiling, emit_number(emission, site.levels)], f"{name}:threshold")
