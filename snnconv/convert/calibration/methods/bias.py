"""Ceilings of least squared error, then bias correction (see `means.py`)."""

from __future__ import annotations

from snnconv.convert.calibration.method import METHODS
from snnconv.convert.calibration.methods.mse import LeastSquares

__all__ = ["CorrectedBias"]


@METHODS.register("bias")
class CorrectedBias(LeastSquares):
    """Ceilings of least squared error, then bias correction."""

    summary = "ceilings of least squared error, then bias correction"
    place = 5
    correct_bias = True
