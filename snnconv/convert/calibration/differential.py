"""Calibration of networks of differential coupling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, fx, nn

from snnconv.graph.hooks import hooked
from snnconv.model import SNN, Model
from snnconv.neurons import QuantizedSite, SigmaDelta, SpikingSite
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import cap_of, channel_axis, is_signed, iter_sites
from snnconv.spiking.unrolling import unroll

__all__ = ["SigmaDeltaCalibration", "calibrate_sigma_delta"]

OCTAVES = 8
SHARE, QUANTILE, FLOOR = 0.8, 0.999, 0.02


@dataclass(frozen=True)
class SigmaDeltaCalibration:
    """A calibrated network of sigma-delta neurons.

    Attributes:
        snn: The spiking network.
        octaves: K.
        images: Number of images that were used.
    """

    snn: SNN
    octaves: int
    images: int


@torch.inference_mode()
def _largest(ann: Model, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return a high quantile of each channel's activations, the largest of all batches, by site."""
    found: dict[str, Tensor] = {}
    axes = {str(node.target): channel_axis(ann.graph, node) for node, _ in iter_sites(ann.graph)}

    def observe(module: nn.Module, inputs: tuple[Tensor], out: Tensor, name: str) -> None:
        axis = axes[name]
        values = (out.reshape(1, -1) if axis is None else out.movedim(axis, 0).flatten(1)).abs().float()
        rank = max(1, round(values.shape[1] * (1 - QUANTILE)))
        high = values.topk(rank, dim=1).values[:, -1]
        found[name] = torch.maximum(found[name], high) if name in found else high

    with hooked((site, partial(observe, name=str(node.target))) for node, site in iter_sites(ann.graph)):
        for batch in batches:
            ann.graph(batch)
    return found


def calibrate_sigma_delta(
    ann: Model,
    batches: Sequence[Tensor],
    timesteps: int,
    octaves: int | None,
    *,
    ceilings: str | None = None,
    progress: Progress = no_progress,
) -> SigmaDeltaCalibration:
    """Give an ANN sigma-delta neurons whose thresholds suit its activations.

    Args:
        ann: ANN or quantized ANN, as `plan.prepare` returns it.
        batches: Normalised images, `[B, ...]` each.
        timesteps: T.
        octaves: K; None: by measurement.
        ceilings: "channel" or "layer"; None: by the evidence that the images give.
        progress: Display of the progress.
    """
    largest = _largest(ann, batches)
    chosen = OCTAVES if octaves is None else octaves

    def neuron(node: fx.Node, site: nn.Module) -> SpikingSite:
        theta = SHARE * largest[str(node.target)]
        theta = theta.clamp(min=max(FLOOR * float(theta.max()), 1e-6))
        axis = channel_axis(ann.graph, node)
        cap = site.ceiling.detach() if isinstance(site, QuantizedSite) else cap_of(site)
        return SigmaDelta(
            theta[0] if axis is None else theta,
            timesteps,
            chosen,
            cap=cap,
            signed=is_signed(site),
            channel_axis=axis or 1,
        )

    return SigmaDeltaCalibration(unroll(ann, neuron), chosen, sum(map(len, batches)))
