r"""NIR's spiking nodes -> currents, then neurons, one step of dt of their equations at a time (forward Euler).

    IF   v' = R·I                     m_t = v_{t-1} + R·I_t
    LIF  τ·v' = v_leak - v + R·I      m_t = (1 - dt/τ)·v_{t-1} + dt/τ·(v_leak + R·I_t)

An IF's input arrives as spikes, each of which is an impulse, so a step adds R·I_t whatever dt is. Fires above the
threshold; the reset is NIR's own, to v_reset, or by subtraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from snnconv.errors import InvalidValueError
from snnconv.formats.nir.hdf5 import Array, NirNode
from snnconv.formats.nir.nodes import Shape, broadcast, numbers, scaled
from snnconv.graph.node import Refusal
from snnconv.neurons import NIRNeuron

__all__ = ["NEURONS", "Stepping", "neurons_of"]

NEURONS = ("IF", "LIF")
V0 = "v0"  # of a node's metadata: initial potentials
RESET = "reset"  # of a node's metadata, and of the graph's


@dataclass(frozen=True)
class Stepping:
    """The settings that the neurons of a network have in common.

    Attributes:
        timesteps: T.
        reset: "subtract" or "zero", of all neurons; None: as each node's metadata say.
        otherwise: reset of a node that says nothing.
        dt: seconds of a step; None: not known.
    """

    timesteps: int
    reset: str | None
    otherwise: str
    dt: float | None


def neurons_of(node: NirNode, shape: Shape, stepping: Stepping) -> list[nn.Module]:
    """Return the modules of an IF or LIF node.

    Raises:
        Refusal: its arrays do not fit its input, a time constant is shorter than a step, or dt is not known.
    """
    threshold = _parameter(node, "v_threshold", shape)
    gain, drive, decay = _parameter(node, "r", shape), np.zeros(()), np.ones(())
    if node.kind == "LIF":
        tau = _parameter(node, "tau", shape)
        if stepping.dt is None:
            raise Refusal("its time constant is in seconds, and the file does not state dt: give --dt SECONDS")
        if (tau <= 0).any() or (stepping.dt > tau * (1 + 1e-6)).any():
            raise Refusal(f"its time constant {float(tau.min()):g} s is shorter than a step of {stepping.dt:g} s")
        share = np.minimum(stepping.dt / tau.astype(np.float64), 1)
        decay, drive = 1 - share, share * _parameter(node, "v_leak", shape)
        gain = share * gain
    word = stepping.reset or node.metadata.get(RESET, stepping.otherwise)
    if not isinstance(word, str) or word not in ("subtract", "zero"):
        raise Refusal(f"its metadata state the reset {word!r}: 'subtract' or 'zero' is known")
    reset_to = _parameter(node, "v_reset", shape) if "v_reset" in node.values else np.zeros(())
    initial = _initial(node, shape)
    try:
        neurons = NIRNeuron(
            stepping.timesteps,
            _tensor(threshold),
            decay=_tensor(decay),
            initial=_tensor(initial),
            reset="soft" if word == "subtract" else "hard",
            reset_to=_tensor(reset_to),
        )
    except InvalidValueError as error:
        raise Refusal(str(error)) from error
    return [*scaled(_compact(gain)), *scaled(_compact(drive), "add"), neurons]


def _initial(node: NirNode, shape: Shape) -> Array:
    values = node.metadata.get(V0, np.zeros(()))
    if not isinstance(values, np.ndarray):
        raise Refusal(f"its metadata state the initial potential {values!r}: numbers are needed")
    with np.errstate(over="ignore"):  # the neurons refuse what is not finite
        return broadcast(values.astype(np.float32), shape, V0)


def _parameter(node: NirNode, name: str, shape: Shape) -> Array:
    return broadcast(numbers(node, name), shape, name)


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.array(_compact(values), np.float32))


def _compact(values: Array) -> Array:
    """The same values without axes along which they are the same: `[]`, or 1 in the place of those axes."""
    if values.size and (values == values.reshape(-1)[0]).all():
        return values.reshape(-1)[:1].reshape(())
    for axis in range(values.ndim):
        first = values.take([0], axis)
        if (values == first).all():
            values = first
    return values
