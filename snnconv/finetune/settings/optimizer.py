"""Settings of the optimizer: its steps, its learning rate, its average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnconv.errors import InvalidValueError
from snnconv.options import Settings, documented, option
from snnconv.registry import near_names

__all__ = ["OptimizerSettings", "optimizer_name"]

# Our names and timm's; timm's "sgd" is Nesterov's, the recipes' is not.
OPTIMIZERS = {"sgd": "momentum", "nesterov": "nesterov", "adam": "adam", "adamw": "adamw"}


def optimizer_name(name: str) -> str:
    """Return timm's name of an optimizer.

    Raises:
        InvalidValueError: timm has none of that name; near ones are named.
    """
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    from timm.optim import list_optimizers

    known = list_optimizers()
    if name not in known:
        near = near_names(name, [*OPTIMIZERS, *known], most=4) or list(OPTIMIZERS)
        raise InvalidValueError(
            f"optimizer is {name!r}: it must be one of {', '.join(OPTIMIZERS)} or another of timm's; "
            f"near it: {', '.join(near)}."
        )
    return name


@documented
@dataclass(frozen=True)
class OptimizerSettings(Settings):
    """Settings of the optimizer's steps."""

    epochs: int = option(300, "Passes over the data.", least=1)
    batch_size: int = option(
        128,
        "Images that one step of the optimizer takes, over all processes. An incomplete last batch of an epoch is left "
        "out.",
        least=1,
    )
    accumulate: int = option(
        1,
        "Parts that a batch is split into and whose gradients are added up: less memory, the same step (but for "
        "batch-norm, which sees one part at a time).",
        least=1,
    )
    lr: float = option(0.1, "Learning rate at its highest.", above=0)
    weight_decay: float = option(
        5e-4, "Weight decay of every parameter: weights, biases, batch-norm, ceilings.", least=0
    )
    momentum: float = option(0.9, "Momentum of sgd and nesterov; other optimizers have their own.", least=0, below=1)
    optimizer: str = option("sgd", "Optimizer: sgd, nesterov, adam, adamw or another of timm's.")
    bias_lr: float = option(
        1.0, "Factor of the learning rate for the biases of batch-norms, whose weight decay is divided by it.", above=0
    )
    scheduler: Literal["cosine", "linear", "step", "none"] = option(
        "cosine",
        "Course of the learning rate after its warm-up: down to 0 by a cosine or linearly (a triangle with the "
        "warm-up), in steps, or constant (none); timm's.",
    )
    step_epochs: int = option(90, "Epochs between two steps of the learning rate, with the scheduler step.", least=1)
    step_rate: float = option(
        0.1, "Factor of the learning rate at each of its steps, with the scheduler step.", above=0, most=1
    )
    warmup_epochs: int = option(0, "Epochs in which the learning rate rises linearly, counted in epochs.", least=0)
    clip: float = option(0.0, "Norm that larger gradients are scaled down to; 0: none.", least=0)
    ema: float = option(
        0.0,
        "Decay of the exponential moving average of the weights, which is then the result, such as 0.999; 0: none.",
        least=0,
        below=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        optimizer_name(self.optimizer)
        self._require("warmup_epochs", self.warmup_epochs < self.epochs, f"0 to {self.epochs - 1}, below epochs")
        warms = self.warmup_epochs == 0 or self.scheduler != "none"
        self._require("warmup_epochs", warms, "0 where the scheduler is none")
        divides = self.batch_size % self.accumulate == 0
        self._require("accumulate", divides, f"a divisor of batch_size, which is {self.batch_size}")
