"""Train: quantized ANNs, spiking networks from scratch, and spiking networks further.

Names are imported when they are first used, so that the command line reads the settings without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnconv.errors import DivergenceError
    from snnconv.finetune.build import build_network
    from snnconv.finetune.metrics import EpochMetrics
    from snnconv.finetune.quantize import quantize_activations
    from snnconv.finetune.run import RunFiles
    from snnconv.finetune.settings import FinetuneSettings, LoopSettings, TrainSettings, demo_settings
    from snnconv.finetune.spiking import spiking_network
    from snnconv.finetune.training import train
    from snnconv.finetune.tuning import finetune

__all__ = [
    "DivergenceError",
    "EpochMetrics",
    "FinetuneSettings",
    "LoopSettings",
    "RunFiles",
    "TrainSettings",
    "build_network",
    "demo_settings",
    "finetune",
    "quantize_activations",
    "spiking_network",
    "train",
]

_HOMES = {
    "DivergenceError": "snnconv.errors",
    "EpochMetrics": "snnconv.finetune.metrics",
    "FinetuneSettings": "snnconv.finetune.settings",
    "LoopSettings": "snnconv.finetune.settings",
    "RunFiles": "snnconv.finetune.run",
    "TrainSettings": "snnconv.finetune.settings",
    "build_network": "snnconv.finetune.build",
    "demo_settings": "snnconv.finetune.settings",
    "finetune": "snnconv.finetune.tuning",
    "quantize_activations": "snnconv.finetune.quantize",
    "spiking_network": "snnconv.finetune.spiking",
    "train": "snnconv.finetune.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
