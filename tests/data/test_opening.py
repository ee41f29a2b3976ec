"""Data in any form, opened as a network takes them; what is no data is refused by what was given."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from data_forms import LABELLED, SPEC, Items, X, Y
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import snnconv
from snnconv.data.opening import as_images, input_of, sample_shape_of
from snnconv.data.samples import Samples
from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec


@pytest.mark.parametrize("form", LABELLED)
def test_labelled_data_in_every_form(form):
    images = as_images(LABELLED[form](), SPEC, "eval")
    assert isinstance(images, Samples)
    assert len(images) == 24
    x, y = (torch.cat(parts) for parts in zip(*images.batches(7), strict=True))
    assert x.dtype == torch.float32
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    assert images.labels.tolist() == Y.tolist()
    assert not images.labels.flags.writeable
    images.check_labels(5)
    assert torch.equal(images[3][0], X[3])
    assert images[3][1] == 3
    assert images.subset([2, 0]).labels.tolist() == [2, 0]
    pixels = images.pixels_at([0, 1])
    torch.testing.assert_close(pixels, X[:2] * 0.25 + 0.5)
    torch.testing.assert_close(images.normalise(pixels), X[:2])
    torch.testing.assert_close(next(iter(images.scaled(2.0).batches(24)))[0], X / 2)
    assert sample_shape_of(LABELLED[form](), "eval") == (3, 6, 6)


@pytest.mark.parametrize("data", [X, X.numpy(), TensorDataset(X), Items(y=None), DataLoader(Items(y=None))], ids=type)
def test_data_without_labels(data):
    images = as_images(data, SPEC, "eval")
    assert images.labels is None
    assert [int(y) for _, part in images.batches(9) for y in part] == [-1] * 24
    with pytest.raises(DataError, match="24 of 24 images have no label"):
        images.check_labels(5)


def test_a_data_set_is_read_when_it_is_needed():
    data = Items()
    images = as_images(data, SPEC, "eval").subset(range(4))
    assert data.reads == 1  # the first, for its shape
    assert torch.equal(next(images.batches(4))[0], X[:4])
    assert images.labels.tolist() == [0, 1, 2, 3]
    assert data.reads == 5


def test_calibration_looks_at_no_label():
    images = as_images((X, torch.randn(24)), SPEC, "calibration")
    assert images.labels is None
    assert as_images(Items(y=[None] * 24), SPEC, "calibration").labels is None


def test_opened_images_stay_what_they_are():
    images = snnconv.open_data("digits[:20]", InputSpec(1, 8, 8), purpose="eval")
    assert as_images(images, SPEC, "eval") is images
    assert as_images(DataLoader(images, batch_size=3), SPEC, "eval") is images
    part = as_images(Subset(images, [3, 1]), images.input, "eval")
    assert torch.equal(part[0][0], images[3][0])
    assert part.labels.tolist() == images.labels[[3, 1]].tolist()


def test_flat_samples_and_recordings():
    flat = as_images(torch.randn(5, 7), InputSpec(7, None, None, layout="NC", mean=(1.0,) * 7), "eval")
    assert next(flat.batches(5))[0].shape == (5, 7)
    torch.testing.assert_close(flat.normalise(flat.pixels_at([1, 2])), torch.stack([flat[1][0], flat[2][0]]))
    x = torch.rand(4, 3, 2, 5, 5)
    recordings = as_images((x, [0, 1, 0, 1]), InputSpec(2, 5, 5, timesteps=3), "eval")
    assert torch.equal(next(recordings.batches(4))[0], x.transpose(0, 1))
    assert torch.equal(recordings.normalise(recordings.pixels_at(range(4))), x.transpose(0, 1))
    last = as_images(torch.randn(5, 6, 4, 3), InputSpec(3, 6, 4, layout="NHWC", std=(2.0,)), "eval")
    assert last.pixels(0).shape == (3, 6, 4)
    torch.testing.assert_close(last.normalise(last.pixels(0)), last[0][0])
    assert as_images(torch.randn(5, 3, 6, 4), InputSpec(3, None, None), "eval").input == InputSpec(3, 6, 4)


class Odd(Items):
    def __init__(self, item):
        super().__init__()
        self.item = item

    def __getitem__(self, index):
        return self.item if index else (X[0], 0)


class Unsized(Dataset):
    def __getitem__(self, index):
        return X[index]


NAN = X.clone()
NAN[2, 0, 0, 0] = torch.nan
REFUSED = {
    "None": (None, DataError, "data is None: allowed are a data spec"),
    "list": ([X, Y], DataError, "data is a list of 2 (Tensor, Tensor): allowed are"),
    "lists": ([[1.0]] * 5, DataError, "data is a list of 5 (list, list, list, ...)"),
    "dict": ({"x": X}, DataError, "data is a dict"),
    "path": (
        Path("photos"),
        DataError,
        "data is the path 'photos', which does not say what it holds: allowed are a data",
    ),
    "triple": ((X, Y, Y), DataError, "data is a tuple of 3"),
    "uint8": (torch.zeros(4, 3, 6, 6, dtype=torch.uint8), InvalidValueError, "data is of type uint8: float32 numbers"),
    "bool": (np.zeros((4, 3, 6, 6), dtype=bool), InvalidValueError, "data is of type bool"),
    "text": (np.array(["a"]), InvalidValueError, "data is of type <U1"),
    "sparse": (X.to_sparse(), InvalidValueError, "data is of type torch.sparse_coo"),
    "empty": (X[:0], InvalidValueError, "data has shape [0, 3, 6, 6]; the network takes [n, 3, 6, 6]. Give one"),
    "one": (X[0], InvalidValueError, "data has shape [3, 6, 6]; the network takes [n, 3, 6, 6]."),
    "scalar": (torch.tensor(1.0), InvalidValueError, "data has shape []; the network takes [n, 3, 6, 6]."),
    "larger": (torch.zeros(4, 3, 8, 8), InvalidValueError, "data has shape [4, 3, 8, 8]; the network takes [n, 3, 6"),
    "nan": (NAN, InvalidValueError, "data holds NaN or infinite values, first in sample 2"),
    "infinite": (X.double() * 1e300, InvalidValueError, "data holds NaN or infinite values, first in sample 0"),
    "few labels": ((X, Y[:3]), DataError, "y of data: the labels have shape [3]"),
    "no classes": ((X, torch.randn(24)), DataError, "y of data: label"),
    "ragged": ((X, [[1], [2, 3]]), DataError, "y of data: the labels are not a list of numbers"),
    "unsized": (Unsized(), DataError, "data is a Unsized without __len__ or __getitem__"),
    "no items": (Items(X[:0]), InvalidValueError, "data holds no sample"),
    "nothing": (DataLoader(Items(X[:0]), collate_fn=list), InvalidValueError, "data holds no sample"),
    "picture": (Odd((object(), 1)), InvalidValueError, "Item 1 of data is a object: a tensor or a numpy array"),
    "item": (Odd((X[0, 0], 1)), InvalidValueError, "Item 1 of data has shape [6, 6]; the network takes [3, 6, 6]"),
    "item nan": (Odd((NAN[2], 1)), InvalidValueError, "Item 1 of data holds NaN"),
    "label": (Odd((X[0], 1.5)), DataError, "Item 1 of data has the label 1.5"),
    "label text": (Odd((X[0], "cat")), DataError, "Item 1 of data has the label 'cat'"),
    "item of three": (Odd((X[0], 1, 2)), DataError, "Item 1 of data is a tuple of 3"),
    "uint8 item": (Odd((X[0].byte(), 1)), InvalidValueError, "Item 1 of data is of type uint8"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_no_data(form):
    data, kind, message = REFUSED[form]
    with pytest.raises(kind, match=re.escape(message)):
        list(as_images(data, SPEC, "eval").batches(24))


def test_open_data_takes_a_spec_and_an_input():
    with pytest.raises(DataError, match="A data spec is a text, not a Tensor"):
        snnconv.open_data(X, SPEC, purpose="eval")
    with pytest.raises(InvalidValueError, match=r"input is a tuple: give the network's own, as in model\.input"):
        snnconv.open_data("digits", (1, 8, 8), purpose="eval")


def test_the_input_for_samples():
    assert input_of((7,)) == InputSpec(7, None, None, layout="NC")
    with pytest.raises(InvalidValueError, match=r"A sample has shape \[2, 3\]"):
        input_of((2, 3))
    with pytest.raises(InvalidValueError, match="data holds no sample"):
        sample_shape_of(Items(X[:0]), "eval")
