"""Turn trained neural networks into spiking neural networks that keep their accuracy at 1 to 8 time steps.

    >>> import snnconv
    >>> ann = snnconv.load("resnet18.onnx")                                           # doctest: +SKIP
    >>> snn = snnconv.convert(ann, timesteps=4, calibration_data="imagefolder:photos")  # doctest: +SKIP
    >>> snnconv.save(snn, "resnet18-snn.onnx")                                        # doctest: +SKIP

Each name is imported when it is first used, so that `import snnconv` costs nothing. `convert` and `finetune` are
packages that can be called.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnconv.convert import CalibrationSettings, ConversionReport, Verification, convert
    from snnconv.convert.verification import verify
    from snnconv.data import DataLike, Images, open_data
    from snnconv.errors import (
        DataError,
        DivergenceError,
        FileError,
        InvalidValueError,
        ModelError,
        SnnconvError,
        SnnconvWarning,
        UnsupportedOperatorsError,
        VerificationError,
    )
    from snnconv.evaluation import EnergyModel, Evaluation, Inspection, evaluate, inspect
    from snnconv.finetune import EpochMetrics, FinetuneSettings, RunFiles, TrainSettings, finetune, train
    from snnconv.formats.nir import NirReading
    from snnconv.formats.onnx import save
    from snnconv.loading import ModelLike, load, load_module
    from snnconv.model import ANN, SNN, InputSpec, Model, QuantizedANN, Stage
    from snnconv.neurons import Code, Coupling, NeuronSettings
    from snnconv.reporting import Comparison, Grid, Report, ReportOptions, compare, report

__all__ = [
    "ANN",
    "SNN",
    "CalibrationSettings",
    "Code",
    "Comparison",
    "ConversionReport",
    "Coupling",
    "DataError",
    "DataLike",
    "DivergenceError",
    "EnergyModel",
    "EpochMetrics",
    "Evaluation",
    "FileError",
    "FinetuneSettings",
    "Grid",
    "Images",
    "InputSpec",
    "Inspection",
    "InvalidValueError",
    "Model",
    "ModelError",
    "ModelLike",
    "NeuronSettings",
    "NirReading",
    "QuantizedANN",
    "Report",
    "ReportOptions",
    "RunFiles",
    "SnnconvError",
    "SnnconvWarning",
    "Stage",
    "TrainSettings",
    "UnsupportedOperatorsError",
    "Verification",
    "VerificationError",
    "compare",
    "convert",
    "evaluate",
    "finetune",
    "inspect",
    "load",
    "load_module",
    "open_data",
    "report",
    "save",
    "train",
    "verify",
]

__version__ = version("snnconv")

_NAMES = {
    "snnconv.convert": ("CalibrationSettings", "ConversionReport", "Verification", "verify"),
    "snnconv.data": ("DataLike", "Images", "open_data"),
    "snnconv.errors": (
        "DataError",
        "DivergenceError",
        "FileError",
        "InvalidValueError",
        "ModelError",
        "SnnconvError",
        "SnnconvWarning",
        "UnsupportedOperatorsError",
        "VerificationError",
    ),
    "snnconv.evaluation": ("EnergyModel", "Evaluation", "Inspection", "evaluate", "inspect"),
    "snnconv.finetune": ("EpochMetrics", "FinetuneSettings", "RunFiles", "TrainSettings", "train"),
    "snnconv.formats.nir": ("NirReading",),
    "snnconv.formats.onnx": ("save",),
    "snnconv.loading": ("ModelLike", "load", "load_module"),
    "snnconv.model": ("ANN", "SNN", "InputSpec", "Model", "QuantizedANN", "Stage"),
    "snnconv.neurons": ("Code", "Coupling", "NeuronSettings"),
    "snnconv.reporting": ("Comparison", "Grid", "Report", "ReportOptions", "compare", "report"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name in ("convert", "finetune"):
        return import_module(f"snnconv.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'snnconv' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
