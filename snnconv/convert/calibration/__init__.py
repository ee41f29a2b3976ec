"""ANN -> quantized ANN without training, by one of several methods. One method or part of one a file."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names

if TYPE_CHECKING:
    from snnconv.convert.calibration.by_method import Calibrated, calibrate_by
    from snnconv.convert.calibration.causal import CausalCalibration, calibrate_causal
    from snnconv.convert.calibration.method import METHODS, Method, ordered_methods
    from snnconv.convert.calibration.settings import CalibrationSettings
    from snnconv.convert.calibration.walk import Levels, calibrate, with_total_levels
    from snnconv.spiking.blocks import BlockError

__all__ = [
    "METHODS",
    "BlockError",
    "Calibrated",
    "CalibrationSettings",
    "CausalCalibration",
    "Levels",
    "Method",
    "calibrate",
    "calibrate_by",
    "calibrate_causal",
    "ordered_methods",
    "with_total_levels",
]

__getattr__ = lazy_names(
    __name__,
    {
        "METHODS": ".method",
        "BlockError": ".by_method",
        "Calibrated": ".by_method",
        "CalibrationSettings": ".settings",
        "CausalCalibration": ".causal",
        "Levels": ".walk",
        "Method": ".method",
        "calibrate": ".walk",
        "calibrate_by": ".by_method",
        "calibrate_causal": ".causal",
        "ordered_methods": ".method",
        "with_total_levels": ".walk",
    },
)
