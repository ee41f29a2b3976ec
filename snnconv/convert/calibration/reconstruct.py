r"""Block-wise reconstruction: ceilings and biases (and weights) by gradient against the ANN's own block outputs.

Blocks are taken in the order of execution. A block of the quantized network gets what the quantized blocks before it
put out, so that errors do not pile up unseen, and is moved towards what the ANN's block puts out for the same images:

    minimise  sum over outputs o of  E|o_quantized - o_ANN|² / Var(o_ANN)

over log λ, the biases and, where asked for, the weights, with straight-through gradients through the levels
(neurons/qcfs). After BRECQ (Li et al., ICLR 2021) and AdaRound (Nagel et al., ICML 2020), which learn how
weights are rounded; here weights are real and activations are what is rounded. A block that did not get better keeps
what it had; of one that did, the best epoch is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.progress_file import ProgressFile
from snnconv.convert.calibration.trial import SAME, Trial
from snnconv.graph.access import display_name, shared_parameters
from snnconv.model import Model, QuantizedANN
from snnconv.progress import Progress, no_progress
from snnconv.spiking.blocks import Block, BlockError, blocks_of

__all__ = ["EPOCHS", "reconstruct"]

EPOCHS = 10
MOST_IMAGES, STEPS = 64, 16  # images of one step, at most; steps of an epoch, at least, where there are images enough
SMALL = 1e-30  # a variance below it, or above its inverse, is compared in double precision
HELD_OUT = 8  # one step of so many judges a block and does not move it, where there are as many


def reconstruct(
    ann: Model,
    quantized: QuantizedANN,
    batches: Sequence[Tensor],
    *,
    epochs: int = EPOCHS,
    weights: bool = False,
    seed: int = 0,
    file: ProgressFile | None = None,
    progress: Progress = no_progress,
) -> tuple[QuantizedANN, tuple[BlockError, ...]]:
    """Move a quantized ANN block by block towards the ANN that it came from.

    Args:
        ann: Network before quantization.
        quantized: Quantized form of it, of the same nodes.
        batches: Normalised images, `[B, ...]` each.
        epochs: Passes over the images, a block.
        weights: True to move weights as well.
        seed: Seed of the order of images.
        file: File that holds finished blocks, so that an interrupted run goes on after them.
        progress: Display of the progress.

    Returns:
        A copy of the quantized ANN with other ceilings and biases, and the errors of each block.
    """
    model = quantized.copy()
    trained = [parameter for parameter in model.graph.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)  # what moves are factors and shifts of it: no gradient is needed for itself
    parts = [part for batch in batches for part in torch.split(batch, MOST_IMAGES)]
    groups = _groups([len(part) for part in parts])
    blocks = list(zip(blocks_of(ann.graph), blocks_of(model.graph), strict=True))
    shared = shared_parameters(model.graph)
    errors = []
    with Frontier(ann.graph, parts) as ann_walk, Frontier(model.graph, parts) as walk:
        for index, (ann_block, block) in enumerate(progress(blocks, "reconstructing", len(blocks))):
            _run(ann_walk, ann_block)
            trial = Trial(model.graph, block, shared, weights)
            finished = file.read(index) if file is not None else None
            if finished is None:
                targets = [list(ann_walk.values(node)) for node in ann_block.outputs]
                error = _move(trial, walk, targets, groups, epochs, seed + index)
                if file is not None:
                    file.write(index, trial.tensors(), error)
            else:
                tensors, error = finished
                trial.restore(tensors)
            errors.append(error)
            _run(walk, block)
    for parameter in trained:
        parameter.requires_grad_(True)
    return model, tuple(errors)


@torch.no_grad()
def _run(frontier: Frontier, block: Block) -> None:
    frontier.run(*block.nodes)


def _groups(sizes: Sequence[int]) -> list[list[int]]:
    """Return the places of the parts, of so many images each, that one step takes together."""
    images = max(1, min(MOST_IMAGES, sum(sizes) // STEPS))
    groups: list[list[int]] = [[]]
    for place, _ in enumerate(sizes):
        if sum(sizes[earlier] for earlier in groups[-1]) >= images:
            groups.append([])
        groups[-1].append(place)
    return groups


def _move(
    trial: Trial,
    walk: Frontier,
    targets: Sequence[Sequence[Tensor]],
    groups: Sequence[Sequence[int]],
    epochs: int,
    seed: int,
) -> BlockError:
    """Optimise one block, which keeps its parameters where they were better on the images that judge.

    Args:
        trial: Block with its parameters on the move.
        walk: Walk of the quantized network, which has reached the block.
        targets: Outputs of the ANN's block, output by output and part by part.
        groups: Places of the parts that one step takes together.
        epochs: Passes over the images.
        seed: Seed of the order of images.
    """
    judges = groups[::HELD_OUT] if len(groups) >= HELD_OUT else groups
    movers = [group for group in groups if group not in judges] or judges
    loss = _BlockLoss(trial, walk, targets)
    trial.scale_biases(loss.joined_inputs(groups[0]))
    name = display_name(trial.block.nodes[-1])
    before = loss.mean(judges)
    if not trial.moved:
        return BlockError(name, before, before)
    optimizer = torch.optim.Adam(trial.groups())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(movers))
    generator = torch.Generator().manual_seed(seed)
    best = before
    for _ in range(epochs):
        with torch.enable_grad():
            for place in torch.randperm(len(movers), generator=generator).tolist():
                optimizer.zero_grad()
                for part in loss.of(movers[place]):
                    torch.autograd.backward(part)
                optimizer.step()
                schedule.step()
        after = loss.mean(judges)
        if after < best:
            best = after
            trial.settle()
    return BlockError(name, before, best)


class _BlockLoss:
    """The loss of one block.

    Args:
        trial: Block with its parameters on the move.
        walk: Walk of the quantized network, which has reached the block.
        targets: Outputs of the ANN's block, output by output and part by part.
    """

    def __init__(self, trial: Trial, walk: Frontier, targets: Sequence[Sequence[Tensor]]) -> None:
        self.trial, self.targets = trial, targets
        self.variances = [_variance(target) for target in targets]
        columns = [list(walk.values(node)) for node in trial.block.inputs]
        self.inputs = [dict(zip(trial.block.inputs, row, strict=True)) for row in zip(*columns, strict=True)]

    def of(self, group: Sequence[int]) -> Iterator[Tensor]:
        """Yield the losses of a step's images, part by part, each as large as memory is meant to hold; they add up."""
        images = sum(len(self.targets[0][place]) for place in group)
        for place in group:
            share = len(self.targets[0][place]) / images / len(self.targets)
            outputs = self.trial(self.inputs[place])
            errors = [
                share * _relative_error(output, target[place], variance)
                for output, target, variance in zip(outputs, self.targets, self.variances, strict=True)
            ]
            yield torch.stack(errors).sum()

    @torch.no_grad()
    def mean(self, groups: Sequence[Sequence[int]]) -> float:
        """Return the mean loss of several steps."""
        return sum(float(part) for group in groups for part in self.of(group)) / len(groups)

    def joined_inputs(self, group: Sequence[int]) -> dict[fx.Node, Tensor]:
        """Return the inputs of one step's images together."""
        return {node: torch.cat([self.inputs[place][node] for place in group]) for node in self.trial.block.inputs}


def _relative_error(output: Tensor, target: Tensor, variance: float) -> Tensor:
    """Return the mean squared error by a variance, in double precision where squares may leave the range of single."""
    difference = output - target
    if not SMALL < variance < 1 / SMALL:
        difference = difference.double()
    return (difference.square().mean() / variance).to(output.dtype)


def _variance(batches: Sequence[Tensor]) -> float:
    """Return the variance of all values; 1 where they are constant."""
    count, total, squares = 0, 0.0, 0.0
    for batch in batches:
        values = batch.double()
        count += values.numel()
        total += float(values.sum())
        squares += float(values.square().sum())
    variance = squares / count - (total / count) ** 2
    return variance if variance > SAME**2 * squares / count else 1.0
