"""Settings of every training."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.finetune.settings.augmentation import AugmentationSettings
from snnconv.finetune.settings.execution import ExecutionSettings
from snnconv.finetune.settings.objective import ObjectiveSettings
from snnconv.finetune.settings.optimizer import OptimizerSettings
from snnconv.options import documented

__all__ = ["LoopSettings"]


@documented
@dataclass(frozen=True)
class LoopSettings(ExecutionSettings, ObjectiveSettings, AugmentationSettings, OptimizerSettings):
    """Settings of every training.

    Raises:
        InvalidValueError: A value is outside what is allowed, or does not go with another.
    """  # a group a base class: settings are given, stored and read by one flat name, and stand in the order of files
