"""Data sets and loaders of torch: whether items can be read one by one, and all samples of those that are iterated."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
    default_convert,
)

from snnconv.data.samples import sample_tensor
from snnconv.errors import DataError, InvalidValueError

__all__ = ["dataset_of", "gathered", "pair_of", "require_items"]


def dataset_of(data: Any) -> Dataset[Any] | None:
    """Return the data set behind data, whose items are read one by one; None where there is none.

    A loader has to be iterated where its data set is, where it draws from its items or repeats them, or where a
    function of the caller's makes its batches.
    """
    if isinstance(data, DataLoader):
        return dataset_of(data.dataset) if _gives_every_item(data) else None
    return data if isinstance(data, Dataset) and not isinstance(data, IterableDataset) else None


def _gives_every_item(loader: DataLoader[Any]) -> bool:
    """Whether a loader gives the items of its data set as they are, each once, in whatever order."""
    sampler = loader.sampler
    whole = isinstance(sampler, SequentialSampler) or (
        isinstance(sampler, RandomSampler)
        and not sampler.replacement
        and sampler.num_samples == len(sampler.data_source)
    )
    plain = loader.collate_fn in (default_collate, default_convert)
    return whole and plain and (loader.batch_sampler is None or type(loader.batch_sampler) is BatchSampler)


def require_items(dataset: Any, name: str) -> None:
    """Refuse a data set that has no length, no items by index, or none at all.

    Raises:
        DataError: It has no `__len__` or no `__getitem__`.
        InvalidValueError: It is empty.
    """
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise DataError(
            f"{name} is a {type(dataset).__name__} without __len__ or __getitem__: give it both, or derive it from "
            "torch's IterableDataset."
        )
    if not len(dataset):
        raise InvalidValueError(f"{name} holds no sample: give one or more.")


def gathered(data: Any, name: str, *, whole: bool = False) -> tuple[Tensor, Tensor | None]:
    """Iterate over a loader's batches, or over a data set's samples, and hold them all in memory.

    Args:
        data: DataLoader or IterableDataset.
        name: Name of the argument, for messages.
        whole: True where whole numbers are as good.

    Returns:
        All samples `[n, *shape]` and all labels `[n]`, None where there are none.

    Raises:
        DataError: An element is neither `x` nor `(x, y)`, or only some have labels.
        InvalidValueError: There is no sample, or samples are of several shapes or not of floating-point numbers.
    """
    batched = isinstance(data, DataLoader) and data.batch_sampler is not None
    samples, labels = [], []
    for element in data:
        x, y = pair_of(element, name)
        x = sample_tensor(x, name, whole=whole)
        samples.append(x if batched else x[None])
        if y is not None:
            labels.append(torch.as_tensor(y).reshape(-1))
    if not samples:
        raise InvalidValueError(f"{name} holds no sample: give one or more.")
    shapes = sorted({str(list(x.shape[1:])) for x in samples})
    if len(shapes) > 1:
        raise InvalidValueError(f"{name} gives samples of several shapes ({', '.join(shapes)}): give them one shape.")
    return torch.cat(samples), torch.cat(labels) if labels else None


def pair_of(element: Any, name: str) -> tuple[Any, Any]:
    """Return x and y of an element `x`, `(x,)` or `(x, y)`; y is None where there is none.

    Raises:
        DataError: The element has more parts.
    """
    if not isinstance(element, (tuple, list)):
        return element, None
    if len(element) not in (1, 2):
        raise DataError(f"{name} gives {len(element)} values at a time: allowed are x, or x and its label (x, y).")
    return element[0], element[1] if len(element) == 2 else None
