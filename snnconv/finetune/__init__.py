"""Train: quantized ANNs, spiking networks from scratch, and spiking networks further.

Names are imported when they are first used, so that the command line reads the settings without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.lazy import lazy_names
from snnconv.verbs import make_callable

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

__getattr__ = lazy_names(
    __name__,
    {
        "DivergenceError": "snnconv.errors",
        "EpochMetrics": ".metrics",
        "FinetuneSettings": ".settings",
        "LoopSettings": ".settings",
        "RunFiles": ".run",
        "TrainSettings": ".settings",
        "build_network": ".build",
        "demo_settings": ".settings",
        "finetune": ".tuning",
        "quantize_activations": ".quantize",
        "spiking_network": ".spiking",
        "train": ".training",
    },
)
make_callable(__name__)
