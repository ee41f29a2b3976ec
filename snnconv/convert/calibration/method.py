"""The methods of calibration: what each states of itself, and the registry of them.

A method is a file of `methods/`, or anything outside the package, that registers a class:

    @METHODS.register("largest")
    class Largest(Method):
        summary = "ceilings at the largest activation seen"
        ceilings = staticmethod(largest)

`--calibration largest` and `CalibrationSettings("largest")` then choose it. The files of `methods/` import torch where
they use it and not before, for the command line reads them for its help.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

from snnconv.progress import Progress, no_progress
from snnconv.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from snnconv.convert.calibration.observation import Observation
    from snnconv.convert.calibration.settings import CalibrationSettings
    from snnconv.convert.calibration.walk import Levels
    from snnconv.model import Model, QuantizedANN
    from snnconv.spiking.blocks import BlockError

__all__ = ["AUTO", "METHODS", "CalibrationJob", "Method", "MethodChoice", "Refined", "Rule", "ordered_methods"]

Rule: TypeAlias = "Callable[[Observation, int], Tensor]"  # λ of each channel [C], from what a site receives and N

AUTO = "auto"
OTHERS = 100


@dataclass(frozen=True)
class CalibrationJob:
    """One calibration: what is calibrated, with what, and how.

    Attributes:
        settings: Method and its choices.
        ann: Network as `plan.prepare` returns it.
        batches: Normalised images, `[B, ...]` each.
        total_levels: N, one for all sites or by the names of their modules.
        real: True where the images are the user's, False where they are synthesised.
        seed: Seed of the order of images.
        keep: File that holds finished work, so that an interrupted calibration goes on; None: there is none.
        progress: Display of the progress.
    """

    settings: CalibrationSettings
    ann: Model
    batches: Sequence[Tensor]
    total_levels: Levels
    real: bool = True
    seed: int = 0
    keep: Path | None = None
    progress: Progress = no_progress


class MethodChoice(NamedTuple):
    """A method with its settings, and the reason for it.

    Attributes:
        settings: Settings that name the method.
        reason: Clause that says why; empty where the user chose.
    """

    settings: CalibrationSettings
    reason: str = ""


class Refined(NamedTuple):
    """A quantized ANN after the last part of a method.

    Attributes:
        model: The quantized ANN.
        epochs: Passes over the images that moved it by gradient; None where there were none.
        blocks: Errors of each block that was moved, before and after.
    """

    model: QuantizedANN
    epochs: int | None = None
    blocks: tuple[BlockError, ...] = ()


class Method(ABC):
    """A way to find ceilings and biases: ceilings by a rule, then biases, then anything else.

    Attributes:
        summary: Method in one phrase.
        correct_bias: True where biases move until every channel has the ANN's mean output.
        options: Names of the settings that belong to methods like this one and not to every method.
        place: Place among the choices; methods of one place stand in the order of their registration.
    """

    summary: ClassVar[str]
    correct_bias: ClassVar[bool] = False
    options: ClassVar[frozenset[str]] = frozenset()
    place: ClassVar[int] = OTHERS

    @staticmethod
    @abstractmethod
    def ceilings(observation: Observation, total_levels: int) -> Tensor:
        """Return λ of each channel, `[C]`.

        Args:
            observation: Activations that a site receives, at least one of whose channels is active.
            total_levels: N.
        """

    def choose(self, job: CalibrationJob) -> MethodChoice:
        """Return the settings that the calibration runs with: these, unless the method is one that chooses another."""
        return MethodChoice(job.settings)

    def refine(self, job: CalibrationJob, quantized: QuantizedANN) -> Refined:
        """Return the quantized ANN after whatever the method does behind ceilings and biases."""
        return Refined(quantized)


METHODS: Registry[str, type[Method]] = Registry("calibration", package="snnconv.convert.calibration.methods")


def ordered_methods() -> dict[str, type[Method]]:
    """Return the methods by name, in the order in which they are offered."""
    return {name: METHODS[name] for name in sorted(METHODS, key=lambda name: METHODS[name].place)}
