"""Batches of images, and few images that stand for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["evenly"]


def evenly(batches: Sequence[Tensor], count: int) -> list[Tensor]:
    """Return at most `count` images, spread evenly over all batches `[B, ...]`, in batches no larger than these."""
    total = sum(map(len, batches))
    if count >= total:
        return list(batches)
    places = torch.arange(count) * total // count
    start, picked = 0, []
    for batch in batches:
        here = places[(places >= start) & (places < start + len(batch))] - start
        picked.append(batch[here])
        start += len(batch)
    return list(torch.split(torch.cat(picked), max(map(len, batches))))
