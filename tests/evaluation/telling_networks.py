"""Tiny networks of differential coupling."""

from __future__ import annotations

import torch
from tiny_networks import classifier

from snnconv.neurons import BipolarMultiThreshold, SigmaDelta
from snnconv.spiking.plan import prepare
from snnconv.spiking.unrolling import unroll


def powers(timesteps=4, octaves=6, theta=0.5):
    """A network of power-of-two messages."""
    return unroll(prepare(classifier()), lambda *_: SigmaDelta(torch.tensor(theta), timesteps, octaves))


def uniform(timesteps=4, levels=2, total_levels=None, ceiling=2.0):
    """A network of the uniform code."""
    ceiling = torch.tensor(ceiling)
    return unroll(
        prepare(classifier()),
        lambda *_: BipolarMultiThreshold(ceiling, timesteps, levels, total_levels=total_levels),
    )
