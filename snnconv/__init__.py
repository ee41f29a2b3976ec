"""Turn trained neural networks into spiking neural networks that keep their accuracy at 1 to 8 time steps.

    >>> import snnconv
    >>> ann = snnconv.load("resnet18.onnx")                                           # doctest: +SKIP
    >>> snn = snnconv.convert(ann, timesteps=4, calibration_data="imagefolder:photos")  # doctest: +SKIP
    >>> snnconv.save(snn, "resnet18-snn.onnx")                                        # doctest: +SKIP

Each verb is imported when it is first used, so that `import snnconv` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnconv.convert import convert
    from snnconv.convert.verification import verify
    from snnconv.data import open_data
    from snnconv.evaluation import evaluate
    from snnconv.finetune import FinetuneSettings, TrainSettings, finetune, train
    from snnconv.formats.onnx import save
    from snnconv.loading import load, load_module
    from snnconv.model import InputSpec, Model
    from snnconv.neurons import NeuronSettings
    from snnconv.reporting import compare, report

__all__ = [
    "FinetuneSettings",
    "InputSpec",
    "Model",
    "NeuronSettings",
    "TrainSettings",
    "compare",
    "convert",
    "evaluate",
    "finetune",
    "load",
    "load_module",
    "open_data",
    "report",
    "save",
    "train",
    "verify",
]

__version__ = version("snnconv")

_HOMES = {
    "FinetuneSettings": "snnconv.finetune",
    "InputSpec": "snnconv.model",
    "Model": "snnconv.model",
    "NeuronSettings": "snnconv.neurons",
    "TrainSettings": "snnconv.finetune",
    "compare": "snnconv.reporting",
    "convert": "snnconv.convert",
    "evaluate": "snnconv.evaluation",
    "finetune": "snnconv.finetune",
    "load": "snnconv.loading",
    "load_module": "snnconv.loading",
    "open_data": "snnconv.data",
    "report": "snnconv.reporting",
    "save": "snnconv.formats.onnx",
    "train": "snnconv.finetune",
    "verify": "snnconv.convert.verification",
}


class _Package(ModuleType):
    """This package, whose verbs are looked up on their first use.

    Verbs are named like the sub-packages they live in. Importing a sub-package binds it as an attribute of its
    parent; here the verb stays, and the sub-package is reached by `from snnconv.convert import ...`.
    """

    def __getattribute__(self, name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        return super().__getattribute__(name)


sys.modules[__name__].__class__ = _Package
