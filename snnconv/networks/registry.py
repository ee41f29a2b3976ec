"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from snnconv.registry import Registry

__all__ = ["NETWORKS"]

# name -> function of (channels, classes) that makes the network with random weights
NETWORKS: Registry[str, Callable[[int, int], nn.Module]] = Registry("network")
