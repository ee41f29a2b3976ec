"""Samples of a `torch.utils.data.Dataset`, each read when it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from snnconv.data.samples import SampleSource, require_finite, sample_tensor, taken_shape
from snnconv.data.sources import LARGEST_LABEL, Indices, Labels
from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec

__all__ = ["DatasetSource"]

UNREAD, UNLABELLED = -2, -1


class DatasetSource(SampleSource):
    """Samples of a `torch.utils.data.Dataset`, each read when it is needed.

    Args:
        dataset: Items `x` or `(x, y)`, by their index.
        taken: Input of the network that they are for.
        name: Name of the argument, for messages.
        labelled: False where labels are of no use: they are then not looked at.
    """

    def __init__(self, dataset: Any, taken: InputSpec, name: str, *, labelled: bool) -> None:
        super().__init__(taken, None)
        self.dataset = dataset
        self.name = name
        self.labelled = labelled
        self._labels = np.full(len(dataset), UNREAD, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._labels)

    def samples(self, indices: Indices) -> Tensor:
        return torch.stack([self._sample(int(index)) for index in indices])

    def labels_of(self, indices: Indices) -> Labels | None:
        """Return the labels of some samples; items that have not been read yet are read for them."""
        if not self.labelled:
            return None
        for index in indices[self._labels[indices] == UNREAD]:
            self._labels[index] = self._label(int(index))
        labels = self._labels[indices]
        return None if (labels == UNLABELLED).all() else labels

    def class_count(self) -> int | None:
        labels = self.labels_of(np.arange(len(self), dtype=np.int64))
        return None if labels is None else int(labels.max()) + 1

    def pair(self, item: Any, name: str) -> tuple[Any, Any]:
        """Return x and y of an item, y None where there is none."""
        if not isinstance(item, (tuple, list)):
            return item, None
        if len(item) != 2 and self.labelled:
            raise DataError(
                f"{name} is a {type(item).__name__} of {len(item)}: allowed are x alone, or x and its label (x, y)."
            )
        return item[0], item[-1]

    def row(self, x: Any, name: str) -> Tensor:
        """Return x of an item as the network takes one sample, `[*shape]`."""
        tensor = sample_tensor(x, name, whole=self.taken.layout == "NC")
        shape = taken_shape(self.taken)
        if tuple(tensor.shape) != shape:
            raise InvalidValueError(f"{name} has shape {list(tensor.shape)}; the network takes {list(shape)}.")
        require_finite(tensor[None], name)
        return tensor

    def _sample(self, index: int) -> Tensor:
        name = f"Item {index} of {self.name}"
        x, y = self.pair(self.dataset[index], name)
        if self.labelled:
            self._labels[index] = _class_index(y, name)
        return self.row(x, name)

    def _label(self, index: int) -> int:
        name = f"Item {index} of {self.name}"
        return _class_index(self.pair(self.dataset[index], name)[1], name)


def _class_index(y: Any, name: str) -> int:
    """Return a label as a whole number; -1 where there is none."""
    one = isinstance(y, np.generic) or (isinstance(y, (Tensor, np.ndarray)) and tuple(y.shape) in ((), (1,)))
    value = y.item() if one else y
    if value is None:
        return UNLABELLED
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or value != value // 1 or not UNLABELLED <= value <= LARGEST_LABEL:
        raise DataError(f"{name} has the label {y!r}: a class is a whole number from 0 up, and -1 stands for none.")
    return int(value)
