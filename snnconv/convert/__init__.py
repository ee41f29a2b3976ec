"""ANN -> quantized ANN -> SNN. `convert` is the pipeline; every step is a verb of its own beside it."""

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names
from snnconv.verbs import make_callable

if TYPE_CHECKING:
    from snnconv.convert.allocation import PrecisionReport
    from snnconv.convert.calibration import CalibrationSettings, calibrate, calibrate_causal
    from snnconv.convert.pipeline import convert
    from snnconv.convert.report import CalibrationReport, CausalReport, ConversionReport, SiteReport, Verification
    from snnconv.convert.verification import verify
    from snnconv.spiking.plan import Plan, make_plan, prepare
    from snnconv.spiking.unrolling import collapse, spike

__all__ = [
    "CalibrationReport",
    "CalibrationSettings",
    "CausalReport",
    "ConversionReport",
    "Plan",
    "PrecisionReport",
    "SiteReport",
    "Verification",
    "calibrate",
    "calibrate_causal",
    "collapse",
    "convert",
    "make_plan",
    "prepare",
    "spike",
    "verify",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CalibrationReport": ".report",
        "CalibrationSettings": ".calibration.settings",
        "CausalReport": ".report",
        "ConversionReport": ".report",
        "Plan": "snnconv.spiking.plan",
        "PrecisionReport": ".allocation.report",
        "SiteReport": ".report",
        "Verification": ".report",
        "calibrate": ".calibration.walk",
        "calibrate_causal": ".calibration.causal",
        "collapse": "snnconv.spiking.unrolling",
        "convert": ".pipeline",
        "make_plan": "snnconv.spiking.plan",
        "prepare": "snnconv.spiking.plan",
        "spike": "snnconv.spiking.unrolling",
        "verify": ".verification",
    },
)
make_callable(__name__)
