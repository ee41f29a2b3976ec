"""What tests of training look at: tensors of a network, a batch, shares that are right."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.data import Images
from snnconv.model import Model


def state(model: Model) -> dict[str, Tensor]:
    """Copies of its tensors by name."""
    return {name: values.clone() for name, values in model.graph.state_dict().items()}


def same(first: Model, second: Model) -> bool:
    """Whether two networks have equal tensors, bit by bit."""
    one, other = state(first), state(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def first_batch(images: Images, count: int) -> tuple[Tensor, Tensor]:
    return next(images.batches(count))


def accuracy(model: Model, images: Images) -> float:
    return sum(int((model.logits(x).argmax(1) == y).sum()) for x, y in images.batches(128)) / len(images)
