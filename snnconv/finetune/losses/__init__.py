"""Losses that a training minimises: the task's own, and those that may be added to it."""

from snnconv.finetune.losses.distillation import Distillation, feature_loss, logit_loss
from snnconv.finetune.losses.objective import Objective
from snnconv.finetune.losses.potential import PotentialLoss, potential_loss, triangle

__all__ = [
    "Distillation",
    "Objective",
    "PotentialLoss",
    "feature_loss",
    "logit_loss",
    "potential_loss",
    "triangle",
]
