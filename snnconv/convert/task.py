"""The task of a conversion: the network, its plan and all choices, checked before any work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from snnconv.convert.allocation import require_choice
from snnconv.convert.allocation.request import LevelsRequest
from snnconv.convert.calibration import CalibrationSettings, Levels
from snnconv.convert.calibration.method import AUTO
from snnconv.convert.coupling_settings import CouplingSettings
from snnconv.convert.fixed_levels import default_reason, fixed_levels
from snnconv.convert.verification import affordable_images
from snnconv.errors import InvalidValueError, ModelError
from snnconv.model import SNN, Model
from snnconv.neurons import Coupling, NeuronSettings
from snnconv.progress import Progress
from snnconv.spiking.plan import Plan, make_plan, prepare

__all__ = ["DEFAULT_NEURON", "ConversionChoices", "ConversionTask", "prepare_task"]

DEFAULT_NEURON = "mht"


@dataclass(frozen=True)
class ConversionChoices:
    """The choices of one conversion, after all checks that need no network."""

    timesteps: int
    request: LevelsRequest
    coupling: Coupling
    messages: CouplingSettings
    neuron: str
    calibration: CalibrationSettings
    keep: Path | None
    seed: int
    progress: Progress

    @staticmethod
    def of(
        timesteps: int,
        request: LevelsRequest,
        messages: CouplingSettings,
        neuron: str,
        calibration: str | CalibrationSettings,
        keep: str | os.PathLike[str] | None,
        seed: int,
        progress: Progress,
    ) -> ConversionChoices:
        """Return the choices, or refuse them; each argument as `convert` takes it."""
        settings = calibration if isinstance(calibration, CalibrationSettings) else CalibrationSettings(calibration)
        NeuronSettings(neuron, timesteps)  # refuses a name that is none before any work
        levels = request.levels is not None or request.floor is not None
        messages.check_beside(timesteps, levels=levels, neuron=neuron, default_neuron=DEFAULT_NEURON)
        if messages.sends_powers and settings.method != AUTO:
            raise InvalidValueError(
                f"calibration is {settings.method!r}, which finds ceilings of levels; thresholds of power-of-two "
                "messages are calibrated on the spiking network itself: leave --calibration out."
            )
        if messages.sends_powers and (settings.reconstruct_weights or settings.epochs is not None):
            raise InvalidValueError(
                "--reconstruct-weights or --reconstruct-epochs is given, and they belong to the calibration "
                "'reconstruct' of levels, which power-of-two messages have not: leave both out, or take --code uniform."
            )
        coupling = Coupling(messages.coupling)
        file = None if keep is None else Path(keep)
        return ConversionChoices(timesteps, request, coupling, messages, neuron, settings, file, seed, progress)


@dataclass(frozen=True)
class ConversionTask:
    """A network that is to be converted.

    Attributes:
        source: The network as it was given, its batch-norms not folded.
        ann: The network as `prepare` returns it.
        plan: Fate of its nodes.
        levels: N of every site; None where levels are to be chosen, or the neurons have none.
        levels_reason: Clause that says why they are others than most networks get by default; else empty.
        checked: Number of images that the result is verified on.
        choices: The choices of the conversion.
    """

    source: Model
    ann: Model
    plan: Plan
    levels: Levels | None
    levels_reason: str
    checked: int
    choices: ConversionChoices


def prepare_task(source: Model, choices: ConversionChoices, *, merge_linear: bool) -> ConversionTask:
    """Return a network with its plan, or refuse it."""
    if isinstance(source, SNN):
        raise ModelError("The network is an SNN already: convert the network that it came from.")
    if source.input.timesteps is not None:
        raise ModelError(
            f"The network's data change over time ({source.input.timesteps} frames a sample): conversion is for still "
            "inputs, where a quantized network tells what each neuron must fire. Train a spiking network on such data."
        )
    ann = prepare(source, merge_linear=merge_linear)
    plan = make_plan(ann, choices.coupling)
    plan.require()
    levels: Levels | None = None
    reason = ""
    if choices.messages.sends_powers:
        levels = None
    elif choices.request.floor is None:
        levels = fixed_levels(ann, choices.timesteps, choices.request.levels)
        reason = default_reason(ann, choices.timesteps, choices.request.levels)
    else:
        require_choice(ann, choices.request)
    passes = choices.timesteps * (2 if choices.coupling is Coupling.DIFFERENTIAL else 1)  # its messages run beside it
    return ConversionTask(source, ann, plan, levels, reason, affordable_images(ann, passes), choices)
