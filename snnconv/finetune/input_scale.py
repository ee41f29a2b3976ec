"""Scale the inputs to about unit size in training, whatever scale a network takes them in.

A network that takes pixels in 0..255 has weights of its first layer that are hundreds of times smaller than others,
and gradients that are hundreds of times larger: a learning rate that is right for the rest of it blows it up in a few
steps. In training the inputs are therefore x/s and the first layer's weights w·s, s a power of two, which is the same
network to the last bit; afterwards the weights are divided by s again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, fx, nn

from snnconv.data.images import Images
from snnconv.finetune.losses.objective import first_output
from snnconv.graph.access import module_of
from snnconv.graph.hooks import hooked
from snnconv.model import Model

__all__ = ["scale_first_layers", "unit_scale"]

FIRST = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
SAMPLE = 16  # images that the size of inputs is taken from
LEAST = 4.0  # inputs within this factor of 1 are not scaled


def unit_scale(models: list[Model], images: Images) -> float:
    """Return the power of two that is nearest to the root mean square of the inputs of the network's first layers.

    Args:
        models: Network and its teacher, if it has one, which take the same inputs; they are not changed.
        images: Images to train on.

    Returns:
        s; it is 1 for inputs of about unit size, and for networks that would not stay the same in another scale.
    """
    if any(part.kind != "float" for part in images.input.parts):
        return 1.0
    x, _ = next(images.sample(min(SAMPLE, len(images)), 0).batches(SAMPLE))
    size = _size(models[0], x)
    if not 0 < size < math.inf or 1 / LEAST < size < LEAST:
        return 1.0
    scale = 2.0 ** round(math.log2(size))
    return scale if all(_stays(model, x, scale) for model in models) else 1.0


@torch.inference_mode()
def _size(model: Model, x: Tensor) -> float:
    """Return the root mean square of the inputs of the first layers."""
    copy, squares = model.copy(), []

    def measure(_: nn.Module, inputs: tuple[Tensor]) -> None:
        squares.append(float(inputs[0].square().mean()))

    with hooked(((layer, measure) for layer in first_layers(copy.graph)), before=True):
        copy.graph.eval()(x)
    return math.sqrt(sum(squares) / len(squares)) if squares else 1.0


@torch.inference_mode()
def _stays(model: Model, x: Tensor, scale: float) -> bool:
    plain, scaled = model.copy(), model.copy()
    scale_first_layers(scaled.graph, scale)
    return torch.equal(first_output(plain.graph.eval()(x)), first_output(scaled.graph.eval()(x / scale)))


@torch.no_grad()
def scale_first_layers(graph: fx.GraphModule, scale: float) -> None:
    """Multiply the weights of the layers that the input reaches first, in place."""
    for weight in {id(layer.weight): layer.weight for layer in first_layers(graph)}.values():
        weight.mul_(scale)


def first_layers(graph: fx.GraphModule) -> list[nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear]:
    """Return the convolutions and linear layers that only layers without parameters separate from the input."""
    waiting = [node for node in graph.graph.nodes if node.op == "placeholder"]
    seen: set[fx.Node] = set()
    layers = []
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        module = module_of(graph, node) if node.op == "call_module" else None
        if isinstance(module, FIRST):
            layers.append(module)
        elif module is None or not any(True for _ in module.parameters()):
            waiting += node.users
    return layers
