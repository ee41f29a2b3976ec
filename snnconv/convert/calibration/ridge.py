r"""Weights corrected in closed form: each layer of the quantized network towards what the ANN's layer gives.

Layers are taken in the order of execution. A layer gets A, what the quantized network before it puts out, whose weights
are corrected already, and its weights W and bias move by the ridge regression of what is amiss (least_squares.py),

    dW = (A^T·A + μ·D)^-1 · A^T·(Y - A·W)

Y what the ANN's layer gives. Where only an addition reads the layer, and its other operand is there already (a residual
connection), Y and A·W are those of the sum, so that the layer also makes up for the error of the other operand. Behind
the layers each site gets its ceilings and its bias anew, as its inputs are others now. After ERQ (Zhong et al., ICML
2024), which corrects the weights of quantized transformers so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, cast

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.least_squares import GramMatrices, fitting_correction
from snnconv.convert.calibration.means import correct, mean_activations
from snnconv.convert.calibration.method import Rule
from snnconv.convert.calibration.patches import (
    PATCHED,
    add_correction,
    columns_of,
    groups_of,
    outputs_by_row,
    patches,
)
from snnconv.convert.calibration.stated_levels import site_of_stated_levels
from snnconv.convert.calibration.walk import ceiling_axis, fitted, observed
from snnconv.graph.access import calls, module_of, operands, shared_parameters
from snnconv.graph.modules import Arithmetic
from snnconv.model import Model, QuantizedANN
from snnconv.neurons import QCFS, QuantizedSite
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import is_rectifier, swap

__all__ = ["correct_weights", "gram_matrices"]

GRAM_ELEMENTS = 1 << 25  # of A^T·A, 256 MiB: wider layers stay as they are
PATCH_ELEMENTS = 1 << 21  # of A at a time: within a processor's cache, or not far beyond


@torch.no_grad()
def correct_weights(
    ann: Model,
    quantized: QuantizedANN,
    batches: Sequence[Tensor],
    *,
    rule: Rule,
    by_channel: bool = True,
    progress: Progress = no_progress,
) -> QuantizedANN:
    """Correct the weights of a quantized ANN layer by layer.

    Args:
        ann: Network before quantization.
        quantized: Quantized form of it, of the same nodes.
        batches: Normalised images, `[B, ...]` each.
        rule: Rule that chooses ceilings.
        by_channel: True for one ceiling a channel; False for one a site.
        progress: Display of the progress.

    Returns:
        A copy of the quantized ANN with other weights, biases and ceilings. Parameters that several nodes share, and
        layers whose Gram matrices would be too large, stay as they are.
    """
    model = quantized.copy()
    graph = model.graph
    means = mean_activations(ann.graph, batches, progress)
    shared = shared_parameters(graph)
    pairs = list(zip(calls(ann.graph), calls(graph), strict=True))
    with Frontier(ann.graph, batches) as ann_walk, Frontier(graph, batches) as walk:
        for twin, node in progress(pairs, "correcting weights", len(pairs)):
            ann_walk.run(twin)
            module = module_of(graph, node)
            if isinstance(module, PATCHED) and id(module.weight) not in shared and _is_small(module):
                _correct_layer(module, walk.values(operands(node)[0]), _targets(node, twin, walk, ann_walk))
            elif isinstance(module, QuantizedSite):
                if is_rectifier(module_of(ann.graph, twin)):
                    _choose_ceilings(ann, twin, walk, node, rule, by_channel=by_channel)
                correct(graph, node, cast(QCFS, module_of(graph, node)), walk, means[str(node.target)])
            walk.run(node)
    graph.recompile()
    return model


def _is_small(linear: Any) -> bool:
    return groups_of(linear) * columns_of(linear) ** 2 <= GRAM_ELEMENTS


def _targets(node: fx.Node, twin: fx.Node, walk: Frontier, ann_walk: Frontier) -> Iterator[Tensor]:
    """Yield the outputs that a layer should give, `[B, ...]`, batch by batch."""
    addend = _addend(node, walk)
    if addend is None:
        yield from ann_walk.values(twin)
        return
    ann_addend = next(operand for operand in operands(next(iter(twin.users))) if operand is not twin)
    for y, ann_value, value in zip(
        ann_walk.values(twin), ann_walk.values(ann_addend), walk.values(addend), strict=True
    ):
        yield y + (ann_value - value)


def _addend(node: fx.Node, walk: Frontier) -> fx.Node | None:
    """Return the value that is added to a layer's output, where nothing else reads that and it is there already."""
    user = next(iter(node.users))
    if len(node.users) > 1 or user.op != "call_module" or user.meta["shape"] != node.meta["shape"]:
        return None
    module = module_of(walk.graph, user)
    others = [operand for operand in operands(user) if operand is not node]
    if not isinstance(module, Arithmetic) or module.operator != "add" or len(others) != 1:
        return None
    return others[0] if others[0] in walk.live else None


def _correct_layer(linear: Any, inputs: Iterator[Tensor], targets: Iterator[Tensor]) -> None:
    """Correct a layer's weight and bias where that helps on held-out images: every other one, and those between."""
    halves: list[GramMatrices | None] = [None, None]
    images = 0
    for x, target in zip(inputs, targets, strict=True):
        residuals = target - linear(x)
        for parity, half in enumerate(halves):
            places = slice((images + parity) % 2, None, 2)
            if len(x[places]):
                sums = gram_matrices(linear, x[places], residuals[places])
                halves[parity] = sums if half is None else half + sums
        images += len(x)
    first, second = halves
    correction = None if first is None or second is None else fitting_correction(first, second)
    if correction is not None:
        add_correction(linear, correction)


def gram_matrices(linear: Any, x: Tensor, residuals: Tensor) -> GramMatrices:
    """Return the sums of a layer over a batch, taken a part at a time.

    Args:
        linear: `nn.Linear` or a convolution.
        x: Input, `[B, ...]`.
        residuals: Errors of its outputs, `[B, ...]`.
    """
    rows = residuals[0].numel() // len(linear.weight)
    size = max(1, PATCH_ELEMENTS // (rows * columns_of(linear) * groups_of(linear)))
    parts = zip(torch.split(x, size), torch.split(residuals, size), strict=True)
    return reduce(add, (GramMatrices.of(patches(linear, part), outputs_by_row(linear, e)) for part, e in parts))


def _choose_ceilings(ann: Model, twin: fx.Node, walk: Frontier, node: fx.Node, rule: Rule, *, by_channel: bool) -> None:
    """Give a site the ceilings that suit its inputs.

    One that receives nothing keeps those that it has, and so does one whose values have levels already.
    """
    if site_of_stated_levels(ann.graph, twin, cast(QCFS, module_of(walk.graph, node)).total_levels) is not None:
        return
    axis = ceiling_axis(ann.graph, twin, by_channel=by_channel)
    observation = observed(ann.graph, twin, list(walk.values(operands(node)[0])), axis)
    if observation.alive.any():
        levels = cast(QCFS, module_of(walk.graph, node)).total_levels
        swap(walk.graph, node, fitted(observation, levels, rule, axis))
