"""Settings of the loss: the task's own, RMP-Loss and distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnconv.options import Settings, documented, option

__all__ = ["ObjectiveSettings", "RMPSites"]

RMPSites = Literal["inner", "all"]


@documented
@dataclass(frozen=True)
class ObjectiveSettings(Settings):
    """Settings of the loss that a training minimises."""

    label_smoothing: float = option(0.0, "Share of the target that is spread over all classes.", least=0, below=1)
    rmp_loss: float = option(
        0.0,
        "Weight at mid-training of RMP-Loss, the distance of membrane potentials to the level that they fire; 0: none.",
        least=0,
    )
    rmp_sites: RMPSites = option("inner", "Sites that RMP-Loss takes: all but the first and the last, or all.")
    distill_logits: float = option(1.0, "Weight of the teacher's logits, where there is a teacher.", least=0)
    distill_features: float = option(
        0.0, "Weight of the teacher's activations at the sites, where there is a teacher.", least=0
    )
    distill_temperature: float = option(4.0, "Temperature of the logits, where there is a teacher.", above=0)
