"""What a user can say about a calibration."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.convert.calibration.methods import AUTO, METHODS
from snnconv.errors import InvalidValueError
from snnconv.neurons.site import require_positive_int

__all__ = ["BUDGET_S", "CalibrationSettings"]

BUDGET_S = 120.0
CEILINGS = ("channel", "layer")


@dataclass(frozen=True)
class CalibrationSettings:
    """How ceilings and biases are found.

    Attributes:
        method: a name of `METHODS`, or "auto".
        ceilings: one a "channel", or one a "layer".
        reconstruct_weights: let `reconstruct` move weights as well.
        epochs: passes of `reconstruct` over the images, a block; None: 10, or as "auto" sees fit.
        budget_s: what "auto" may take, in seconds as estimated for two cores.

    Raises:
        InvalidValueError: a value is outside what is allowed, or weights are to move without `reconstruct`.
    """

    method: str = AUTO
    ceilings: str = "channel"
    reconstruct_weights: bool = False
    epochs: int | None = None
    budget_s: float = BUDGET_S

    def __post_init__(self) -> None:
        if self.method not in (AUTO, *METHODS):
            raise InvalidValueError(f"calibration is {self.method!r}: it must be one of {', '.join((AUTO, *METHODS))}.")
        if self.ceilings not in CEILINGS:
            raise InvalidValueError(f"ceilings is {self.ceilings!r}: it must be one of {', '.join(CEILINGS)}.")
        if self.epochs is not None:
            require_positive_int("reconstruct_epochs", self.epochs)
        if not self.budget_s > 0:
            raise InvalidValueError(f"calibration_budget is {self.budget_s!r} s: it must be above 0.")
        moves = self.method == AUTO or METHODS[self.method].reconstruct
        if not moves and (self.reconstruct_weights or self.epochs is not None):
            raise InvalidValueError(
                f"Weights and epochs belong to the calibration 'reconstruct', not to {self.method!r}: choose that one "
                "or leave them out."
            )
