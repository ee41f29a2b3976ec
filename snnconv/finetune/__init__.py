"""Train: quantized ANNs, spiking networks from scratch, and spiking networks further."""

from snnconv.errors import DivergenceError
from snnconv.finetune.build import build_network
from snnconv.finetune.metrics import EpochMetrics
from snnconv.finetune.quantize import quantize_activations
from snnconv.finetune.run import RunFiles
from snnconv.finetune.settings import FinetuneSettings, LoopSettings, TrainSettings, demo_settings
from snnconv.finetune.spiking import spiking_network
from snnconv.finetune.training import train
from snnconv.finetune.tuning import finetune
from snnconv.verbs import make_callable

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

make_callable(__name__)
