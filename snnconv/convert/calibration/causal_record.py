"""The currents that a causal site receives step by step, and the activations that it should give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.frontier import Frontier
from snnconv.graph.access import operands
from snnconv.neurons import SpikingSite, unfold_time
from snnconv.neurons.forms import StartForm
from snnconv.spiking.sites import channel_axis

__all__ = ["SiteRecord", "observe_steps"]

STEPS_SEEN, FEWEST_SEEN = 1 << 15, 1 << 10  # currents and units of a channel that its error is measured on


@dataclass(frozen=True)
class SiteRecord:
    """Currents `[T, C, M]` of M units of each channel, the ANN's activations `[C, M]` there, and θ `[C, 1]`."""

    currents: Tensor
    activations: Tensor
    threshold: Tensor
    levels: int
    signed: bool
    form: StartForm

    def fired(self, initial: Tensor, bias: Tensor) -> Tensor:
        """Return time means of the output, `[C, M]`, given v_0 and an added current of each channel, `[C]`."""
        currents = self.currents + bias.unsqueeze(1)
        start = initial.unsqueeze(1)
        spikes = self.form.run(currents, self.threshold, self.levels, start, self.signed)
        return spikes.mean(0)

    def errors(self, initial: Tensor, bias: Tensor) -> Tensor:
        """Return the sum of squared errors of each channel."""
        return (self.fired(initial, bias) - self.activations).square().sum(1)


def observe_steps(
    graph: fx.GraphModule,
    node: fx.Node,
    module: SpikingSite,
    form: StartForm,
    walk: Frontier,
    targets: Iterator[Tensor],
    generator: torch.Generator,
) -> SiteRecord:
    """Return a site's currents and the ANN's activations, of units drawn at random.

    Args:
        graph: Graph of the spiking network.
        node: Node of the site.
        module: Neurons of the site.
        form: Initial potentials that they may have.
        walk: Walk that has reached the site.
        targets: Activations of the ANN, batch by batch.
        generator: Source of the draw.
    """
    axis = channel_axis(graph, node)
    source = operands(node)[0]
    channels = 1 if axis is None else int(node.meta["shape"][axis - 1])
    units = sum(x.numel() for x in walk.values(source)) // (module.timesteps * channels)
    share = min(1.0, max(FEWEST_SEEN, STEPS_SEEN // module.timesteps) / units)
    currents, activations = [], []
    for x, target in zip(walk.values(source), targets, strict=True):
        steps = unfold_time(x, module.timesteps)
        steps = steps.flatten(1).unsqueeze(1) if axis is None else steps.movedim(axis + 1, 1).flatten(2)
        values = target.reshape(1, -1) if axis is None else target.movedim(axis, 0).flatten(1)
        if share < 1:
            count = max(1, round(values.shape[1] * share))
            places = torch.randperm(values.shape[1], generator=generator)[:count]
            steps, values = steps[:, :, places], values[:, places]
        currents.append(steps)
        activations.append(values)
    threshold = (module.ceiling.detach() / module.levels).expand(channels).unsqueeze(1)
    return SiteRecord(torch.cat(currents, 2), torch.cat(activations, 1), threshold, module.levels, module.signed, form)
