r"""tdBN, threshold-dependent batch-norm (Zheng et al., "Going Deeper With Directly-Trained Larger SNNs", AAAI 2021).

    y = γ·α·θ·(x - E[x])/sqrt(Var[x] + ε) + β        E, Var over time and batch together

Symbols: x input currents `[T, B, C, ...]`, θ firing threshold of the neurons that follow, α a constant (in the paper
1/sqrt(2) where two branches are added, else 1; every network here starts with α = 1), γ, β trained.

Here time is folded into the batch, so that an ordinary batch-norm takes its statistics over both already; what is left
of tdBN is the scale. It is kept in the weight, which starts at α·θ instead of 1: the same function, and any other
software reads it as the batch-norm that it is. (An optimizer sees the product γ·α·θ as its parameter.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.errors import InvalidValueError

__all__ = ["scale_to_threshold", "threshold_batch_norm"]

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def threshold_batch_norm(x: Tensor, threshold: float, alpha: float = 1.0, eps: float = 1e-5) -> Tensor:
    """Normalise currents over time and batch together, to a standard deviation of α·θ.

    Args:
        x: `[T, B, C, ...]`.
        threshold: θ.
        alpha: α.
        eps: ε.

    Returns:
        Of the shape of `x`; γ = 1, β = 0.
    """
    axes = [axis for axis in range(x.dim()) if axis != 2]
    mean = x.mean(axes, keepdim=True)
    variance = x.var(axes, correction=0, keepdim=True)
    return alpha * threshold * (x - mean) * (variance + eps).rsqrt()


def _is_new(norm: nn.Module) -> bool:
    """Whether a batch-norm has weights that no training has changed."""
    if not isinstance(norm.weight, Tensor) or not isinstance(norm.bias, Tensor):
        return False
    return bool((norm.weight == 1).all()) and not bool(norm.bias.any())


@torch.no_grad()
def scale_to_threshold(network: nn.Module, threshold: float, alpha: float = 1.0) -> int:
    """Turn a network's batch-norms into threshold-dependent ones: multiply each weight by α·θ, in place.

    Args:
        network: any module; batch-norms without weights are left alone, and so are those that were trained already
            (γ other than 1, β other than 0), whose scale the network has come to depend on.
        threshold: θ > 0.
        alpha: α > 0.

    Returns:
        How many were scaled.

    Raises:
        InvalidValueError: θ or α is not above 0.
    """
    for name, value in (("threshold", threshold), ("alpha", alpha)):
        if not 0 < value < float("inf"):
            raise InvalidValueError(f"{name} is {value!r}: it must be a finite number above 0.")
    norms = [module for module in network.modules() if isinstance(module, NORMS) and _is_new(module)]
    for norm in norms:
        norm.weight.mul_(alpha * threshold)
    return len(norms)
