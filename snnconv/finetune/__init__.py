"""Train quantized ANNs, which convert to spiking networks without loss."""

from snnconv.finetune.build import build_network
from snnconv.finetune.loop import DivergenceError, EpochMetrics, train
from snnconv.finetune.quantize import quantize_activations
from snnconv.finetune.settings import TrainSettings, demo_settings

__all__ = [
    "DivergenceError",
    "EpochMetrics",
    "TrainSettings",
    "build_network",
    "demo_settings",
    "quantize_activations",
    "train",
]
