"""Settings of a training, in groups: those of every training, and those of `train` and `finetune`.

A setting is one field here. Its check, its option on the command line and its documentation follow from the field.
"""

from snnconv.finetune.settings.loop import LoopSettings
from snnconv.finetune.settings.optimizer import OptimizerSettings, optimizer_name
from snnconv.finetune.settings.verbs import (
    FinetuneSettings,
    TrainSettings,
    demo_settings,
    neuron_names,
    why_no_rmp_loss,
)

__all__ = [
    "FinetuneSettings",
    "LoopSettings",
    "OptimizerSettings",
    "TrainSettings",
    "demo_settings",
    "neuron_names",
    "optimizer_name",
    "why_no_rmp_loss",
]
