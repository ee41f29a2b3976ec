"""Forms of a site and of a sum that a network made for inference holds in the place of the plain modules.

Each computes what the plain module computes, with fewer passes over memory. Whoever puts one into a graph knows that
the graph allows it (snnconv.runtime.inference); the plain modules know nothing of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.neurons import SpikingSite
from snnconv.neurons.site import Site

__all__ = ["InPlaceSite", "InPlaceSum", "TimeInvariantSite"]


class InPlaceSite(nn.Module):
    """A site that writes its output over its input, which nothing else reads.

    Args:
        site: Plain site; its parameters are shared.
    """

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def forward(self, x: Tensor) -> Tensor:
        """Compute the site's output in the memory of `x`; in new memory where a gradient may be needed."""
        output: Tensor = self.site(x, out=None if torch.is_grad_enabled() else x)
        return output


class TimeInvariantSite(nn.Module):
    """A layer of neurons that receives the same current at each step, and is given it once.

    Args:
        site: Plain layer of neurons; its parameters are shared.
    """

    def __init__(self, site: SpikingSite) -> None:
        super().__init__()
        self.site = site

    def forward(self, x: Tensor) -> Tensor:
        """Turn the current of every step, `[B, ...]`, into output currents `[T*B, ...]`, time-major."""
        return self.site.fire(x.expand(self.site.timesteps, *x.shape))


class InPlaceSum(nn.Module):
    """The sum of two activations of one shape, written over one of them, which nothing else reads.

    Args:
        operand: Position of the activation that is written over, 0 or 1.
    """

    def __init__(self, operand: int) -> None:
        super().__init__()
        self.operand = operand

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add `[B, ...]` and `[B, ...]`; in new memory where a gradient may be needed."""
        if torch.is_grad_enabled():
            return x + y
        return x.add_(y) if self.operand == 0 else y.add_(x)

    def extra_repr(self) -> str:
        """Describe the sum in a printed graph."""
        return f"over operand {self.operand}"
