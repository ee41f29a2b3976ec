"""The choices of a calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnconv.convert.calibration.method import AUTO, METHODS, ordered_methods
from snnconv.errors import InvalidValueError
from snnconv.options import Settings, documented, option

__all__ = ["BUDGET_S", "CalibrationSettings"]

BUDGET_S = 120.0


@documented
@dataclass(frozen=True)
class CalibrationSettings(Settings):
    """How ceilings and biases are found.

    Raises:
        InvalidValueError: A value is outside what is allowed, or belongs to another method.
    """

    method: str = option(
        AUTO,
        "Method that finds ceilings and biases; auto: reconstruct where the budget allows, else bias; with norms or "
        "attention ridge.",
        names=("--calibration",),
        choices=lambda: ordered_methods(),
    )
    ceilings: Literal["channel", "layer"] = option("channel", "One ceiling a channel, or one a layer.")
    reconstruct_weights: bool = option(False, "Let reconstruct move weights as well.")
    epochs: int | None = option(
        None,
        "Passes of reconstruct over the images, a block.",
        metavar="N",
        least=1,
        names=("--reconstruct-epochs",),
        otherwise="10, or what fits the budget",
    )
    budget_s: float = option(
        BUDGET_S,
        "Seconds that auto may take, as estimated for two cores.",
        metavar="SECONDS",
        above=0,
        names=("--calibration-budget",),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method not in METHODS:
            names = ", ".join(ordered_methods())
            raise InvalidValueError(f"calibration is {self.method!r}: it must be one of {names}.")
        takes = METHODS[self.method].options
        if (self.reconstruct_weights and "reconstruct_weights" not in takes) or (self.epochs and "epochs" not in takes):
            raise InvalidValueError(
                f"Weights and epochs belong to the calibration 'reconstruct', not to {self.method!r}: choose that one "
                "or leave them out."
            )
