"""The same samples in every form that data take."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from snnconv.model import InputSpec

__all__ = ["LABELLED", "SPEC", "Items", "X", "Y"]

X = torch.randn(24, 3, 6, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(24) % 5
SPEC = InputSpec(3, 6, 6, mean=(0.5,), std=(0.25,))


class Items(Dataset):
    """A data set that counts what is read of it."""

    def __init__(self, x=X, y=Y):
        self.x, self.y = x, y
        self.reads = 0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        self.reads += 1
        return self.x[index] if self.y is None else (self.x[index], self.y[index])


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(x, int(y)) for x, y in zip(X, Y, strict=True)])


def collate(items):
    return torch.stack([x for x, _ in items]), torch.stack([y for _, y in items])


LABELLED = {
    "tensors": lambda: (X, Y),
    "arrays": lambda: (X.numpy(), Y.numpy()),
    "double": lambda: (X.numpy().astype(np.float64), Y.tolist()),
    "frozen": lambda: (np.frombuffer(X.numpy().tobytes(), np.float32).reshape(X.shape), Y),
    "gradient": lambda: (X.clone().requires_grad_(), Y),
    "dataset": Items,
    "arrays of a dataset": lambda: Items(X.numpy(), Y.numpy()),
    "tensor dataset": lambda: TensorDataset(X, Y),
    "subset": lambda: Subset(TensorDataset(X, Y), range(24)),
    "loader": lambda: DataLoader(TensorDataset(X, Y), batch_size=5),
    "shuffled loader": lambda: DataLoader(Items(), batch_size=5, shuffle=True),
    "loader of another form": lambda: DataLoader(Items(), batch_size=5, collate_fn=collate),
    "stream": Stream,
    "loader of a stream": lambda: DataLoader(Stream(), batch_size=7),
    "loader of single items": lambda: DataLoader(Stream(), batch_size=None),
}
