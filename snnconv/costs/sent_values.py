"""Real values that a network of differential coupling sends on where they have changed."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, fx

from snnconv.neurons import Coupling, SpikingSite, unfold_time
from snnconv.neurons.code import Code

__all__ = ["changed_values", "code_of"]

ROUNDING = 16  # units in the last place within which two values are one


def code_of(graph: fx.GraphModule) -> Code | None:
    """Return the code of a graph's messages; None where its neurons are not of differential coupling."""
    for module in graph.modules():
        if isinstance(module, SpikingSite) and module.coupling is Coupling.DIFFERENTIAL:
            return module.code
    return None


def changed_values(values: Tensor, timesteps: int, code: Code) -> Tensor:
    """Return at how many steps a message that is not 0 is sent, `[B, ...]`.

    The message of step t is the change of the value so far, or under the uniform code, where values are means so far,
    the change of their sum.

    Args:
        values: Values so far, `[T*B, ...]`.
        timesteps: T.
        code: Code of the network.

    >>> values = torch.tensor([[1.0, 0.0], [1.0, 2.0]])  # two steps of one image of two values
    >>> changed_values(values, 2, Code.POWER_OF_TWO), changed_values(values, 2, Code.UNIFORM)
    (tensor([[1., 1.]]), tensor([[2., 1.]]))
    """
    steps = unfold_time(values, timesteps)
    if code is Code.UNIFORM:
        elapsed = torch.arange(1, timesteps + 1, dtype=values.dtype, device=values.device)
        steps = steps * elapsed.view(-1, *(1 for _ in values.shape))
    within = ROUNDING * torch.finfo(values.dtype).eps
    changed = (steps[0] != 0).to(values.dtype)
    for before, after in pairwise(steps):
        changed += (after - before).abs() > within * torch.maximum(before.abs(), after.abs())
    return changed
