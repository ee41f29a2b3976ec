"""ANN -> quantized ANN without training: ceilings, then biases, site by site in one pass over the graph.

The inputs of a site come from the network whose earlier sites are quantized already, so that errors do not pile up
unseen: each site's biases are moved until the mean of its quantized output, channel by channel, is the mean that the
ANN had there (bias correction; SNN calibration, Li et al., ICML 2021, section 4.2).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.means import correct, mean_activations
from snnconv.convert.calibration.method import Rule
from snnconv.convert.calibration.methods.mse import mse
from snnconv.convert.calibration.observation import OBSERVATIONS, Observation
from snnconv.convert.calibration.shrinkage import shrunken
from snnconv.convert.calibration.stated_levels import site_of_stated_levels
from snnconv.errors import ModelError, SnnconvWarning
from snnconv.graph.access import calls, display_name, module_of, operands
from snnconv.model import Model, QuantizedANN, typed
from snnconv.neurons import QCFS, QuantizedSite
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import cap_of, channel_axis, is_rectifier, is_signed, iter_sites, swap

__all__ = ["Levels", "calibrate", "ceiling_axis", "fitted", "levels_of", "observed", "with_total_levels"]

Levels = int | Mapping[str, int]


def levels_of(total_levels: Levels, node: fx.Node) -> int:
    """Return N of a site: one for all, or by the name of its node's module."""
    return total_levels if isinstance(total_levels, int) else total_levels[str(node.target)]


def with_total_levels(model: Model, total_levels: Levels) -> Model:
    """Return a copy whose quantized sites have N levels below the same ceilings; other sites stay as they are."""
    copy = model.copy()
    for node, site in list(iter_sites(copy.graph)):
        if isinstance(site, QuantizedSite):
            levels = levels_of(total_levels, node)
            swap(copy.graph, node, QCFS(site.ceiling, levels, signed=site.signed, channel_axis=site.channel_axis))
    return copy


@torch.no_grad()  # not inference_mode: the parameters that are made here can be trained on
def calibrate(
    ann: Model,
    batches: Sequence[Tensor],
    total_levels: Levels,
    *,
    rule: Rule = mse,
    by_channel: bool = True,
    correct_bias: bool = True,
    anew: Model | None = None,
    progress: Progress = no_progress,
) -> QuantizedANN:
    """Quantize every rectifier of an ANN, with ceilings and biases from unlabelled images.

    Args:
        ann: Network as `plan.prepare` returns it; sites that are QCFS already keep their ceilings, unless there is
            `anew`.
        batches: Normalised images, `[B, ...]` each.
        total_levels: N, one for all sites or by the names of their modules.
        rule: Rule that chooses ceilings.
        by_channel: True for one ceiling a channel, shrunk towards the layer's by the evidence there is; False for one a
            site.
        correct_bias: True to move biases until every channel has its mean output.
        anew: SNN that `ann` is the collapse of. Sites that are QCFS already get other ceilings too, for their new
            number of levels: at most as high as they are, and with biases that keep every channel's mean output in the
            SNN. The start of potentials, learned coupling and leak, which only its neurons know, are in those means.
        progress: Display of the progress.

    Returns:
        The quantized ANN; weights are the ANN's own, biases are corrected.

    Warns:
        SnnconvWarning: No channel of some site was ever active.
    """
    means = mean_activations((anew or ann).graph, batches, progress) if correct_bias else {}
    model = ann.copy() if anew is not None else with_total_levels(ann, total_levels)
    graph = model.graph
    nodes = calls(graph)
    silent = []
    with Frontier(graph, batches) as frontier:
        for node in progress(nodes, "calibrating", len(nodes)):
            module = module_of(graph, node)
            if is_rectifier(module) or (anew is not None and isinstance(module, QuantizedSite)):
                levels = levels_of(total_levels, node)
                axis = ceiling_axis(graph, node, by_channel=by_channel)
                observation = observed(graph, node, list(frontier.values(operands(node)[0])), axis)
                if (stated := site_of_stated_levels(graph, node, levels)) is not None:
                    site = stated
                elif observation.alive.any():
                    site = fitted(observation, levels, rule, axis)
                else:
                    silent.append(display_name(node))
                    site = _unfitted(module, levels)
                swap(graph, node, site)
                if correct_bias:
                    correct(graph, node, site, frontier, means[str(node.target)])
            frontier.run(node)
    if silent:
        warnings.warn(
            f"Not one unit was active on the calibration images in {', '.join(silent)}: check their normalisation "
            "(--mean, --std).",
            SnnconvWarning,
            stacklevel=3,
        )
    graph.recompile()
    return typed(model, QuantizedANN)


def _unfitted(module: nn.Module, total_levels: int) -> QCFS:
    """Return a site about which nothing is known: with the ceilings that it has, else 1."""
    if isinstance(module, QuantizedSite):
        return QCFS(module.ceiling, total_levels, signed=module.signed, channel_axis=module.channel_axis)
    return QCFS(torch.tensor(1.0), total_levels, signed=is_signed(module))


def _by_channel(x: Tensor, axis: int | None) -> Tensor:
    """Return every value that each channel takes, `[C, M]`; without a channel axis all values as one channel."""
    return x.reshape(1, -1) if axis is None else x.movedim(axis, 0).flatten(1)


def _largest(x: Tensor, axis: int | None) -> Tensor:
    """Return the largest value of each channel, `[C]`."""
    return x.amax().reshape(1) if axis is None else x.amax([other for other in range(x.dim()) if other != axis])


def _drawn(x: Tensor, axis: int | None, places: Tensor) -> Tensor:
    """Return columns `places` of `_by_channel(x, axis)`, without computing the others."""
    if axis is None or axis == 0:
        return _by_channel(x, axis)[:, places]
    channels = x.movedim(axis, 1).flatten(2)
    return channels[places // channels.shape[2], :, places % channels.shape[2]].T


def ceiling_axis(graph: fx.GraphModule, node: fx.Node, *, by_channel: bool) -> int | None:
    """Return the axis of a site's ceilings; None where it has one for all channels."""
    module = module_of(graph, node)
    if isinstance(module, QuantizedSite) and module.ceiling.dim():
        return module.channel_axis
    return channel_axis(graph, node) if by_channel else None


def observed(graph: fx.GraphModule, node: fx.Node, received: Sequence[Tensor], axis: int | None) -> Observation:
    """Return an observation of a site's inputs; of at most OBSERVATIONS values a channel, drawn at random.

    Args:
        graph: Graph with the site in it, which tells where activations saturate.
        node: Node of the site.
        received: Inputs of the site, `[B, ...]`, batch by batch.
        axis: Axis of the channels that get a ceiling each; None: all values count as one channel's.

    Raises:
        ModelError: An input is not finite.
    """
    module = module_of(graph, node)
    cap = module.ceiling.detach() if isinstance(module, QuantizedSite) else cap_of(module)
    signed = is_signed(module)
    largest = torch.stack([_largest(x.abs() if signed else x, axis) for x in received]).amax(0)
    if not bool(torch.isfinite(largest).all()):
        raise ModelError(
            f"What {display_name(node)!r} receives on the calibration samples is infinite or not a number: the network "
            "itself overflows on them. Check what it is given, such as the normalisation of images (--mean, --std) and "
            "masks of 0 and 1, and the network's batch-norms."
        )
    observation = Observation(largest, cap, signed=signed)
    for half, values in enumerate(_halves(received, axis, largest.numel())):
        if values:
            observation.observe(torch.cat(values, 1), half)
    return observation


def _halves(received: Sequence[Tensor], axis: int | None, channels: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return values of each channel, `[C, M]`, of the first and of the second half of the images."""
    generator = torch.Generator().manual_seed(0)
    images = sum(len(x) for x in received)
    share = min(1.0, OBSERVATIONS * channels / sum(x.numel() for x in received))
    earlier = 0
    halves: tuple[list[Tensor], list[Tensor]] = ([], [])
    for x in received:
        middle = min(max(images // 2 - earlier, 0), len(x))  # the first half of the images ends here
        for half, part in zip(halves, (x[:middle], x[middle:]), strict=True):
            columns = part.numel() // channels
            count = math.ceil(columns * share)
            if count < columns:
                half.append(_drawn(part, axis, torch.randint(columns, (count,), generator=generator)))
            elif columns:
                half.append(_by_channel(part, axis))
        earlier += len(x)
    return halves


def fitted(observation: Observation, total_levels: int, rule: Rule, axis: int | None) -> QCFS:
    """Return the site of N levels whose ceilings a rule finds in an observation of at least one active channel."""
    ceiling = shrunken(rule, observation, total_levels)
    if axis is None:
        return QCFS(ceiling.reshape(()), total_levels, signed=observation.signed)
    return QCFS(ceiling, total_levels, signed=observation.signed, channel_axis=axis)
