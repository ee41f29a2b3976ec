"""From a spiking network to a folder of integers, or what stands in the way."""

from __future__ import annotations

import os
from pathlib import Path

from snnconv.errors import InvalidValueError, ModelError
from snnconv.formats.hardware import neurons  # noqa: F401 - fills the registry
from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.folder import HardwareFolder, folder_of
from snnconv.formats.hardware.writing import write_hardware
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.model import SNN, Model
from snnconv.neurons import Code, Coupling
from snnconv.spiking.messages import code_of
from snnconv.spiking.one_step import one_step
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["save_hardware", "to_hardware"]

LEAST_BITS, MOST_BITS = 2, 16


def to_hardware(model: Model, *, weight_bits: int = 8) -> HardwareFolder:
    """Return a network as a hardware folder: its files by name, and what is in them.

    Args:
        model: An SNN. Mean-coupled it runs once a window; causal and differential it runs step by step.
        weight_bits: Width of a signed weight, 2 to 16.

    Raises:
        InvalidValueError: `weight_bits` is out of its range.
        ModelError: The network does not spike, its coupling is learned, or its input is no image and no frames;
            UnsupportedOperatorsError lists everything that integers cannot hold.
    """
    if not LEAST_BITS <= weight_bits <= MOST_BITS:
        raise InvalidValueError(f"weight_bits is {weight_bits}: it must be {LEAST_BITS} to {MOST_BITS}.")
    if not isinstance(model, SNN):
        raise ModelError(
            f"A hardware folder is of a spiking network; this one is at the stage {model.stage.value}: convert it."
        )
    if model.input.layout == "NC":
        raise ModelError(
            "The network takes a flat input of real numbers, whose range it does not state, so that no integers stand "
            "for it: a hardware folder is of networks that take images or frames of events."
        )
    if collapses(model):
        graph, passes = collapse(model).graph, 1
    elif model.coupling is Coupling.MEAN:
        raise ModelError(
            "The network's input changes over time and its neurons see their whole window: convert or train it with "
            "--coupling differential or causal."
        )
    else:
        graph, passes = one_step(model, "A hardware folder"), model.timesteps or 1
    run_passes(graph.eval(), (split_calls, fold_affine))
    code = code_of(model) if model.coupling is Coupling.DIFFERENTIAL else None
    evenly = code is Code.UNIFORM
    builder = HardwareBuilder(graph, model.input, weight_bits, passes, passes if evenly else 1, code is not None)
    builder.run()
    outputs = [
        (layer, scale / passes if code is None or evenly else scale) for layer, scale in builder.outputs_in_one_scale()
    ]
    return folder_of(model, builder.layers, outputs, weight_bits, passes, code)


def save_hardware(model: Model, path: str | os.PathLike[str], *, weight_bits: int = 8) -> Path:
    """Write `to_hardware(model)` as a folder, atomically.

    Raises:
        FileError: It cannot be written, or there is a folder that is no earlier export; nothing is left behind.
        InvalidValueError: See `to_hardware`.
        ModelError: See `to_hardware`.
    """
    write_hardware(path, to_hardware(model, weight_bits=weight_bits))
    return Path(path)
