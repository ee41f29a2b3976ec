"""How a quantized ANN is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

from snnconv.errors import InvalidValueError
from snnconv.neurons.site import require_positive_int

__all__ = ["OPTIMIZERS", "SCHEDULERS", "TrainSettings", "demo_settings"]

# Our names and timm's; timm's "sgd" is Nesterov's, the recipe's is not.
OPTIMIZERS = {"sgd": "momentum", "nesterov": "nesterov", "adam": "adam", "adamw": "adamw"}
SCHEDULERS = ("cosine", "step", "none")


@dataclass(frozen=True)
class TrainSettings:
    """Choices of one training; the defaults are the recipe of QCFS (Bu et al., ICLR 2022).

    Attributes:
        total_levels: N, levels of every activation above 0.
        epochs: passes over the data.
        batch_size: images a step; an incomplete last batch of an epoch is left out.
        lr: learning rate at its highest.
        weight_decay: applied to every parameter, as in the recipe: weights, biases, batch-norm and ceilings.
        momentum: of sgd and nesterov; the others have none.
        optimizer: sgd, nesterov, adam or adamw.
        scheduler: of the learning rate: cosine (to 0), step (a tenth every 90 epochs) or none.
        warmup_epochs: epochs in which the learning rate rises linearly, counted in `epochs`.
        initial_ceiling: ceiling λ of every activation at the start, in units of the activation; where the
            network's own activation saturates lower, that is the start.
        augment: shift and flip images up to 64 pixels, crop and flip larger ones; grey ones never flip.
        label_smoothing: share of the target that is spread over all classes.
        seed: of the order of the images and their augmentation, and of random weights.
        average_pool: replace max-pooling by average pooling before training.

    Raises:
        InvalidValueError: a value is outside what is allowed.
    """

    total_levels: int = 8
    epochs: int = 300
    batch_size: int = 128
    lr: float = 0.1
    weight_decay: float = 5e-4
    momentum: float = 0.9
    optimizer: str = "sgd"
    scheduler: str = "cosine"
    warmup_epochs: int = 0
    initial_ceiling: float = 8.0
    augment: bool = True
    label_smoothing: float = 0.0
    seed: int = 0
    average_pool: bool = True

    def __post_init__(self) -> None:
        for name in ("total_levels", "epochs", "batch_size"):
            require_positive_int(name, getattr(self, name))
        for name in ("lr", "initial_ceiling"):
            self._require(name, 0 < getattr(self, name) < math.inf, "a finite number above 0")
        self._require("weight_decay", 0 <= self.weight_decay < math.inf, "a finite number of at least 0")
        for name in ("momentum", "label_smoothing"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        self._require("optimizer", self.optimizer in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}")
        self._require("scheduler", self.scheduler in SCHEDULERS, f"one of {', '.join(SCHEDULERS)}")
        self._require("seed", 0 <= self.seed < 2**63, "at least 0 and below 2^63")
        self._require("warmup_epochs", 0 <= self.warmup_epochs < self.epochs, f"0 to {self.epochs - 1}, below epochs")
        warms = self.warmup_epochs == 0 or self.scheduler != "none"
        self._require("warmup_epochs", warms, "0 where the scheduler is none")

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise InvalidValueError(f"{name} is {getattr(self, name)!r}: it must be {allowed}.")


def demo_settings() -> TrainSettings:
    """Settings that bring `zoo:small-cnn` to about 99 % on `digits` in about ten seconds on two cores."""
    return TrainSettings(epochs=25, batch_size=64, initial_ceiling=4.0)
