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

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.progress_file import ProgressFile
from snnconv.graph.access import calls, display_name, module_of, operands
from snnconv.graph.linear import LINEAR
from snnconv.model import Model, QuantizedANN
from snnconv.neurons import QuantizedSite
from snnconv.progress import Progress, no_progress
from snnconv.spiking.blocks import Block, BlockError, blocks_of

__all__ = ["EPOCHS", "reconstruct"]

EPOCHS = 10
MOST_IMAGES, STEPS = 64, 16  # images of one step, at most; steps of an epoch, at least, where there are images enough
RATES = {"ceiling": 0.01, "bias": 0.003, "weight": 0.02}  # Adam, in units of each parameter's own scale
SMALL = 1e-30  # a variance below it, or above its inverse, is compared in double precision
SAME = 1e-6  # values that deviate by less than this share of their magnitude are constant, but for rounding
HELD_OUT = 8  # one step of so many judges a block and does not move it, where there are as many


@dataclass
class _Moved:
    """A parameter on the move, where it started and how far it went; `scale` None: the step is of its logarithm."""

    module: nn.Module
    name: str
    start: Tensor
    step: nn.Parameter
    scale: float | None

    def value(self) -> Tensor:
        return self.start * self.step.exp() if self.scale is None else self.start + self.scale * self.step


class _Trial:
    """A block of the quantized network with parameters on the move."""

    def __init__(self, graph: fx.GraphModule, block: Block, fixed: set[int], weights: bool) -> None:
        self.block = block
        self.modules = {node: module_of(graph, node) for node in block.nodes}
        self.moved: dict[fx.Node, list[_Moved]] = {}
        for node, module in self.modules.items():
            names: tuple[str, ...] = ("ceiling",) if isinstance(module, QuantizedSite) else ()
            if isinstance(module, LINEAR):
                names = ("bias", "weight") if weights else ("bias",)
            found = [self._moved(module, name) for name in names if id(getattr(module, name)) not in fixed]
            if found:
                self.moved[node] = found

    @staticmethod
    def _moved(module: Any, name: str) -> _Moved:
        if name == "bias" and module.bias is None:
            channels = module.out_features if isinstance(module, nn.Linear) else module.out_channels
            module.bias = nn.Parameter(torch.zeros(channels))
        start = getattr(module, name).detach()
        scale = {"ceiling": None, "bias": 1.0}.get(name, _spread(start))
        return _Moved(module, name, start, nn.Parameter(torch.zeros_like(start)), scale)

    @torch.no_grad()
    def scale_biases(self, inputs: Mapping[fx.Node, Tensor]) -> None:
        """Measure a bias in the spread of what its operator puts out."""
        values = dict(inputs)
        for node, module in self.modules.items():
            values[node] = module(*(values[operand] for operand in operands(node)))
            for moved in self.moved.get(node, ()):
                if moved.name == "bias":
                    moved.scale = _spread(values[node])

    def __call__(self, inputs: Mapping[fx.Node, Tensor]) -> list[Tensor]:
        values = dict(inputs)
        for node, module in self.modules.items():
            given = tuple(values[operand] for operand in operands(node))
            changed = {moved.name: moved.value() for moved in self.moved.get(node, ())}
            values[node] = torch.func.functional_call(module, changed, given) if changed else module(*given)
        return [values[node] for node in self.block.outputs]

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of an optimizer."""
        return [{"params": [m.step], "lr": RATES[m.name]} for each in self.moved.values() for m in each]

    @torch.no_grad()
    def settle(self) -> None:
        """Give the modules the values that were found; `start` is where they came from all the same."""
        for each in self.moved.values():
            for moved in each:
                getattr(moved.module, moved.name).data = moved.value().detach().clone()

    def held(self) -> dict[str, Tensor]:
        """What the modules hold now, by node and parameter."""
        moved = ((node, each) for node, of_node in self.moved.items() for each in of_node)
        return {f"{node.target}.{each.name}": getattr(each.module, each.name).detach() for node, each in moved}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """Give the modules what was found before."""
        for node, each in self.moved.items():
            for moved in each:
                getattr(moved.module, moved.name).data = kept[f"{node.target}.{moved.name}"].clone()


def reconstruct(
    ann: Model,
    quantized: QuantizedANN,
    batches: Sequence[Tensor],
    *,
    epochs: int = EPOCHS,
    weights: bool = False,
    seed: int = 0,
    kept: ProgressFile | None = None,
    progress: Progress = no_progress,
) -> tuple[QuantizedANN, tuple[BlockError, ...]]:
    """Move a quantized ANN block by block towards the ANN that it came from.

    Args:
        ann: the network before quantization.
        quantized: its quantized form, of the same nodes.
        batches: normalised images, `[B, ...]` each.
        epochs: passes over the images, a block.
        weights: move weights as well.
        seed: of the order of images.
        kept: where finished blocks are kept, so that an interrupted run goes on after them.
        progress: shows the work.

    Returns:
        A copy of the quantized ANN with other ceilings and biases, and what became of each block.
    """
    model = quantized.copy()
    trained = [parameter for parameter in model.graph.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)  # what moves are factors and shifts of it: no gradient is needed for itself
    parts = [part for batch in batches for part in torch.split(batch, MOST_IMAGES)]
    groups = _groups([len(part) for part in parts])
    blocks = list(zip(blocks_of(ann.graph), blocks_of(model.graph), strict=True))
    shared = _shared(model.graph)
    errors = []
    with Frontier(ann.graph, parts) as wanted, Frontier(model.graph, parts) as given:
        for index, (theirs, block) in enumerate(progress(blocks, "reconstructing", len(blocks))):
            _run(wanted, theirs)
            trial = _Trial(model.graph, block, shared, weights)
            finished = kept.read(index) if kept is not None else None
            if finished is None:
                targets = [list(wanted.values(node)) for node in theirs.outputs]
                error = _move(trial, given, targets, groups, epochs, seed + index)
                if kept is not None:
                    kept.write(index, trial.held(), error)
            else:
                tensors, error = finished
                trial.restore(tensors)
            errors.append(error)
            _run(given, block)
    for parameter in trained:
        parameter.requires_grad_(True)
    return model, tuple(errors)


@torch.no_grad()
def _run(frontier: Frontier, block: Block) -> None:
    frontier.run(*block.nodes)


def _shared(graph: fx.GraphModule) -> set[int]:
    """Parameters that several calls read: moved for one, they would move for all."""
    uses = Counter(id(p) for node in calls(graph) for p in module_of(graph, node).parameters(recurse=False))
    return {parameter for parameter, count in uses.items() if count > 1}


def _groups(sizes: Sequence[int]) -> list[list[int]]:
    """Places of the parts, of so many images each, that one step takes together."""
    images = max(1, min(MOST_IMAGES, sum(sizes) // STEPS))
    groups: list[list[int]] = [[]]
    for place, _ in enumerate(sizes):
        if sum(sizes[earlier] for earlier in groups[-1]) >= images:
            groups.append([])
        groups[-1].append(place)
    return groups


def _move(
    trial: _Trial,
    given: Frontier,
    targets: Sequence[Sequence[Tensor]],
    groups: Sequence[Sequence[int]],
    epochs: int,
    seed: int,
) -> BlockError:
    """Optimise one block; it keeps what it had where that was better on the images that judge."""
    judges = groups[::HELD_OUT] if len(groups) >= HELD_OUT else groups
    movers = [group for group in groups if group not in judges] or judges
    scales = [_variance(target) for target in targets]
    columns = [list(given.values(node)) for node in trial.block.inputs]
    inputs = [dict(zip(trial.block.inputs, row, strict=True)) for row in zip(*columns, strict=True)]

    def losses(group: Sequence[int]) -> Iterator[Tensor]:
        """Of a step's images, part by part, as large as memory is meant to hold; they add up to that of the step."""
        images = sum(len(targets[0][place]) for place in group)
        for place in group:
            share = len(targets[0][place]) / images / len(targets)
            found = trial(inputs[place])
            yield torch.stack(
                [
                    share * _relative_error(own, wanted[place], scale)
                    for own, wanted, scale in zip(found, targets, scales, strict=True)
                ]
            ).sum()

    def judged() -> float:
        with torch.no_grad():
            return sum(float(each) for group in judges for each in losses(group)) / len(judges)

    trial.scale_biases({node: torch.cat([inputs[place][node] for place in groups[0]]) for node in trial.block.inputs})
    name = display_name(trial.block.nodes[-1])
    before = judged()
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
                for each in losses(movers[place]):
                    torch.autograd.backward(each)
                optimizer.step()
                schedule.step()
        after = judged()
        if after < best:
            best = after
            trial.settle()
    return BlockError(name, before, best)


def _relative_error(own: Tensor, wanted: Tensor, scale: float) -> Tensor:
    """Return the mean squared error over `scale`, in double precision where squares may leave the range of single."""
    difference = own - wanted
    if not SMALL < scale < 1 / SMALL:
        difference = difference.double()
    return (difference.square().mean() / scale).to(own.dtype)


def _spread(values: Tensor) -> float:
    """Return the standard deviation; 1 where all values are the same."""
    deviation = float(values.std(correction=0))
    if not 0 < deviation < math.inf:  # its squares may lie outside the range of single precision
        wide = values.double()
        deviation = float(wide.std(correction=0))
        deviation = deviation if deviation > SAME * float(wide.abs().max()) else 0.0
    return deviation or 1.0


def _variance(batches: Sequence[Tensor]) -> float:
    """Of all values; 1 where they are constant."""
    count, total, squares = 0, 0.0, 0.0
    for batch in batches:
        values = batch.double()
        count += values.numel()
        total += float(values.sum())
        squares += float(values.square().sum())
    variance = squares / count - (total / count) ** 2
    return variance if variance > SAME**2 * squares / count else 1.0
