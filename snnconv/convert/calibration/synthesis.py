r"""Images made without data: from the input spec, the weights and, where the file holds them, statistics.

Smooth random images (synthetic.py) are moved by gradient until the network takes them for what it was trained on:

    minimise  CE(logits, a class drawn for each image)                                  where there are classes
              + mean squared difference of neighbouring pixels                         natural images are smooth
              + mean over batch-norms, channels of ((mean - μ)/σ)² + (deviation/σ - 1)²    σ² = var + eps

The last term is there where batch-norm is not folded: μ and var are those of the training data (ZeroQ, Cai et al., CVPR
2020; DeepInversion, Yin et al., CVPR 2020). Pixels stay within what the input spec allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import cross_entropy

from snnconv.graph.access import calls, module_of
from snnconv.graph.hooks import hooked
from snnconv.graph.linear import NORMS
from snnconv.model import InputSpec, Model
from snnconv.progress import Progress, no_progress

__all__ = ["holds_statistics", "synthesise"]

STEPS = 20
RATE = 0.05  # Adam, in deviations of a normalised pixel
BATCH = 64  # images whose statistics are taken together


def holds_statistics(model: Model) -> bool:
    """Return whether the graph has batch-norms with statistics: folding takes them away."""
    return bool(_norms(model))


def _norms(model: Model) -> list[Any]:
    modules: list[Any] = [module_of(model.graph, node) for node in calls(model.graph)]
    return [module for module in modules if isinstance(module, NORMS) and module.running_var is not None]


def synthesise(
    model: Model, images: Tensor, *, steps: int = STEPS, seed: int = 0, progress: Progress = no_progress
) -> Tensor:
    """Move images until a network takes them for images that it was trained on.

    Args:
        model: ANN, its batch-norms not folded if it has any; it is not changed.
        images: Normalised images to start from, `[n, ...]`.
        steps: Steps of the optimiser for each batch of images.
        seed: Seed of the classes that are drawn.
        progress: Display of the progress.
    """
    copy = model.copy()
    graph = copy.graph.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    errors: list[Tensor] = []

    def measure(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        errors.append(_error(norm, inputs[0]))

    batches = torch.split(images, BATCH)
    with hooked(((norm, measure) for norm in _norms(copy)), before=True):
        return torch.cat(
            [
                _moved(batch, graph, model.input, errors, steps, generator)
                for batch in progress(batches, "synthesising images", len(batches))
            ]
        )


def _moved(
    images: Tensor, graph: fx.GraphModule, spec: InputSpec, errors: list[Tensor], steps: int, generator: torch.Generator
) -> Tensor:
    """Return one batch of images after the optimiser's steps.

    Args:
        images: Images to start from.
        graph: Graph of the network.
        spec: Input of the network.
        errors: List that each run of the graph fills with the errors of its batch-norms.
        steps: Number of steps.
        generator: Source of the classes that are drawn.
    """
    low, high = _range(spec)
    x = images.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([x], lr=RATE)
    classes: Tensor | None = None
    for _ in range(steps):
        errors.clear()
        with torch.enable_grad():
            out = graph(x)
            logits = out[0] if isinstance(out, tuple) else out
            loss = _roughness(x, spec)
            if logits.dim() == 2 and logits.shape[1] > 1:
                if classes is None:
                    classes = torch.randint(logits.shape[1], (len(x),), generator=generator)
                loss = loss + cross_entropy(logits, classes)
            if errors:
                loss = loss + torch.stack(errors).mean()
            (x.grad,) = torch.autograd.grad(loss, x)
        optimizer.step()
        with torch.no_grad():
            x.clamp_(low, high)
    return x.detach()


def _error(norm: Any, x: Tensor) -> Tensor:
    """Return how far the inputs of a batch-norm are from the statistics that it has stored."""
    axes = [axis for axis in range(x.dim()) if axis != 1]
    deviation = (norm.running_var + norm.eps).sqrt()
    mean: Tensor = (x.mean(axes) - norm.running_mean) / deviation
    spread = x.std(axes, correction=0) / deviation - 1
    error: Tensor = (mean.square() + spread.square()).mean()
    return error


def _roughness(x: Tensor, spec: InputSpec) -> Tensor:
    """Return the mean squared difference of neighbouring pixels."""
    if spec.layout == "NC":
        return x.square().mean() * 0
    rows, columns = (1, 2) if spec.layout == "NHWC" else (2, 3)
    down: Tensor = x.diff(dim=rows).square().mean()
    return down + x.diff(dim=columns).square().mean()


def _range(spec: InputSpec) -> tuple[Tensor, Tensor]:
    """Return the least and largest value of a normalised pixel, shaped for a batch; infinite where it is not known."""
    if spec.layout == "NC" or spec.std is None:
        bound = torch.tensor(torch.inf)
        return -bound, bound
    mean, std = torch.tensor(spec.mean or (0.0,)), torch.tensor(spec.std)
    shape: Sequence[int] = (1, 1, 1, -1) if spec.layout == "NHWC" else (1, -1, 1, 1)
    return (-mean / std).reshape(shape), ((1 - mean) / std).reshape(shape)
