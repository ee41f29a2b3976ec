"""Sums of products, in one pass over memory where that is possible."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["sum_of_products"]


def sum_of_products(a: Tensor, b: Tensor, shape: torch.Size) -> Tensor:
    """Sum of `a·b` down to a shape that broadcasts to theirs: a gradient's way to a parameter.

    Args:
        a: any shape.
        b: Tensor of the shape of `a`.
        shape: Shape of the parameter; `[]` sums everything.

    >>> sum_of_products(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.Size([]))
    tensor(11.)
    """
    if shape.numel() == 1 and a.stride() == b.stride() and a.dtype == b.dtype:
        order = sorted(range(a.dim()), key=a.stride, reverse=True)  # as the elements lie in memory
        first, second = a.permute(order), b.permute(order)
        if first.is_contiguous():
            return torch.dot(first.flatten(), second.flatten()).reshape(shape)
    return (a * b).sum_to_size(shape)
