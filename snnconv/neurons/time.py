"""Time as the leading axis, folded into the batch: `[T*B, ...]`, time-major."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = [
    "Fold",
    "Increments",
    "LastStep",
    "Repeat",
    "Steps",
    "TimeMean",
    "fold_time",
    "mean_of_steps",
    "sum_of_steps",
    "unfold_time",
]


def unfold_time(x: Tensor, timesteps: int) -> Tensor:
    """Unfold `[T*B, ...]` to `[T, B, ...]`."""
    steps: Tensor = x.unflatten(0, (timesteps, -1))  # type: ignore[no-untyped-call]
    return steps


def fold_time(x: Tensor) -> Tensor:
    """Fold `[T, B, ...]` to `[T*B, ...]`."""
    return x.flatten(0, 1)


def sum_of_steps(steps: Tensor) -> Tensor:
    """Reduce `[T, ...]` to its sum `[...]`, without a gradient: slice by slice, in at most a third of the time."""
    if len(steps) == 1:
        return steps[0]
    total = steps[0] + steps[1]
    for step in steps[2:]:
        total += step
    return total


def mean_of_steps(steps: Tensor) -> Tensor:
    """Reduce `[T, ...]` to its mean `[...]`."""
    if torch.is_grad_enabled() and steps.requires_grad:
        return steps.mean(0)
    return steps[0] if len(steps) == 1 else sum_of_steps(steps).div_(len(steps))


class _Time(nn.Module):
    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.timesteps = timesteps

    def extra_repr(self) -> str:
        return f"T={self.timesteps}"


class Fold(_Time):
    """An input of its own for every step, such as event frames: `[T, B, ...]` to `[T*B, ...]`."""

    def forward(self, x: Tensor) -> Tensor:
        return fold_time(x)


class Repeat(_Time):
    """Repeat what does not depend on time for every step: `[B, ...]` to `[T*B, ...]`."""

    def forward(self, x: Tensor) -> Tensor:
        return fold_time(x.unsqueeze(0).expand(self.timesteps, *x.shape))


class TimeMean(_Time):
    """The time mean: `[T*B, ...]` to `[B, ...]`."""

    def forward(self, x: Tensor) -> Tensor:
        return mean_of_steps(unfold_time(x, self.timesteps))


class Steps(_Time):
    """The steps one by one: `[T*B, ...]` to `[T, B, ...]`."""

    def forward(self, x: Tensor) -> Tensor:
        return unfold_time(x, self.timesteps)


class LastStep(TimeMean):
    """The value after the last step, of what holds at each step the value so far: `[T*B, ...]` to `[B, ...]`.

    It is the time mean of the steps that `Increments` gives.
    """

    def forward(self, x: Tensor) -> Tensor:
        return unfold_time(x, self.timesteps)[-1]


class Increments(Steps):
    """Steps whose mean over the first t is the value after step t: `[T*B, ...]`, values x_t, to `[T, B, ...]`.

    Step t is t·x_t - (t - 1)·x_{t-1}, so that these steps are read as those of any other spiking network.
    """

    def forward(self, x: Tensor) -> Tensor:
        values = unfold_time(x, self.timesteps)
        elapsed = torch.arange(1, self.timesteps + 1, device=x.device).to(x.dtype)
        sums = values * elapsed.view(-1, *(1 for _ in values.shape[1:]))
        return torch.cat([sums[:1], sums[1:] - sums[:-1]])
