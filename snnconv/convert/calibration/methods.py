"""The methods by name: what each one makes of the pieces."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.convert.calibration.balance import balance
from snnconv.convert.calibration.maximum import maximum
from snnconv.convert.calibration.mse import mse
from snnconv.convert.calibration.percentile import percentile
from snnconv.convert.calibration.shrinkage import Rule

__all__ = ["AUTO", "METHODS", "Method"]

AUTO = "auto"


@dataclass(frozen=True)
class Method:
    """A way to calibrate.

    Attributes:
        summary: in a line.
        rule: how ceilings are chosen.
        correct_bias: move biases until every channel has its mean output.
        reconstruct: then move ceilings and biases by gradient, block by block.
    """

    summary: str
    rule: Rule
    correct_bias: bool = False
    reconstruct: bool = False


METHODS = {
    "max": Method("ceilings at the largest activation seen", maximum),
    "percentile": Method("ceilings at the 99.9th percentile of the active values", percentile),
    "mse": Method("ceilings of least squared error", mse),
    "balance": Method("ceilings where clipping and quantization errors balance", balance),
    "bias": Method("ceilings of least squared error, then bias correction", mse, correct_bias=True),
    "reconstruct": Method(
        "the same, then ceilings and biases by gradient, block by block", mse, correct_bias=True, reconstruct=True
    ),
}
