"""Data for networks whose inputs are no image: by name, of any type and range, as they are."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from snnconv.data.datasets import open_data
from snnconv.data.opening import as_images
from snnconv.data.samples import Samples
from snnconv.data.shapes import input_shapes_of
from snnconv.errors import DataError, InvalidValueError, SnnconvWarning
from snnconv.inputspec import InputPart, InputSpec

RNG = np.random.default_rng(0)
COUNT = 20
IDS = RNG.integers(0, 30, (COUNT, 8))
MASK = RNG.random((COUNT, 8)) < 0.7
Y = np.arange(COUNT) % 3
TEXT = InputSpec.of_parts([InputPart("ids", (8,), "int", 30), InputPart("mask", (8,), "bool")])
WAVE = InputSpec.of_parts([InputPart("wave", (3, 50))])
WAVES = (RNG.normal(size=(COUNT, 3, 50)) * 20).astype(np.float16)
ROWS = torch.from_numpy(np.concatenate([IDS, MASK], 1)).float()


@pytest.fixture
def save(tmp_path):
    def write(name="a.npz", **arrays):
        np.savez(tmp_path / name, **arrays)
        return f"npz:{tmp_path / name}"

    return write


def rows_of(images):
    return torch.cat([x for x, _ in images.batches(7)])


class Items(Dataset):
    def __init__(self, item):
        self.item = item

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        return self.item(index)


class Stream(IterableDataset):
    def __iter__(self):
        return ({"ids": IDS[index], "mask": MASK[index], "y": Y[index]} for index in range(COUNT))


def collate(items):
    return {"ids": np.stack([ids for ids, _, _ in items]), "mask": np.stack([mask for _, mask, _ in items])}, [
        y for _, _, y in items
    ]


LABELLED = {
    "dict": lambda: {"ids": IDS, "mask": MASK, "y": Y},
    "dict and labels": lambda: ({"mask": torch.from_numpy(MASK), "ids": torch.from_numpy(IDS)}, Y.tolist()),
    "more than needed": lambda: ({"mask": MASK.astype(np.int64), "ids": IDS, "kinds": IDS}, Y),
    "lists": lambda: ({"mask": MASK.tolist(), "ids": IDS.tolist()}, Y),
    "whole floats": lambda: ({"mask": MASK.astype(np.float64), "ids": IDS.astype(np.float16)}, Y),
    "unsigned": lambda: ({"mask": MASK.astype(np.uint8), "ids": IDS.astype(np.uint32)}, Y),
    "order": lambda: (IDS, MASK, Y),
    "pair and labels": lambda: ((IDS, MASK), Y),
    "data set of dicts": lambda: Items(lambda i: ({"ids": IDS[i].tolist(), "mask": MASK[i]}, int(Y[i]))),
    "data set of dicts with y": lambda: Items(lambda i: {"ids": IDS[i], "mask": MASK[i], "y": Y[i]}),
    "data set of tuples": lambda: Items(lambda i: (IDS[i], MASK[i], Y[i])),
    "tensor data set": lambda: TensorDataset(*map(torch.from_numpy, (IDS, MASK, Y))),
    "loader": lambda: DataLoader(TensorDataset(*map(torch.from_numpy, (IDS, MASK, Y))), batch_size=6, shuffle=True),
    "loader of dicts": lambda: DataLoader(Items(lambda i: (IDS[i], MASK[i], Y[i])), batch_size=6, collate_fn=collate),
    "stream": Stream,
}


@pytest.mark.parametrize("form", LABELLED)
def test_named_inputs_in_every_form(form):
    images = as_images(LABELLED[form](), TEXT, "eval")
    assert isinstance(images, Samples)
    assert torch.equal(rows_of(images), ROWS)
    assert images.labels.tolist() == Y.tolist()
    assert torch.equal(images[3][0], ROWS[3])
    named = TEXT.unpacked(images.pixels_at([4, 2]))
    assert np.array_equal(named["ids"], IDS[[4, 2]])
    assert np.array_equal(named["mask"], MASK[[4, 2]])
    assert images.subset([2, 0]).labels.tolist() == [2, 0]
    assert as_images(LABELLED[form](), TEXT, "calibration").labels is None
    assert images.fingerprint() == as_images(LABELLED["dict"](), TEXT, "eval").fingerprint()


@pytest.mark.parametrize("x", [WAVES, torch.from_numpy(WAVES), {"wave": WAVES}, {"x": WAVES}], ids=type)
def test_a_single_input_is_an_array(x):
    for data, labels in ((x, None), ((x, Y), Y.tolist())):
        images = as_images(data, WAVE, "eval")
        assert np.array_equal(rows_of(images), WAVES.reshape(COUNT, -1).astype(np.float32))
        assert (None if images.labels is None else images.labels.tolist()) == labels


def test_arrays_of_a_file_by_the_names_of_the_inputs(save):
    spec = save(ids=IDS, mask=MASK, y=Y, other=Y[:3])
    images = open_data(f"{spec}[4:9]", TEXT, purpose="eval")
    assert torch.equal(rows_of(images), ROWS[4:9])
    assert images.labels.tolist() == Y[4:9].tolist()
    assert open_data(spec, TEXT, purpose="calibration").labels is None
    parts = [save(f"{half}.npz", ids=IDS[at], mask=MASK[at]) for half, at in enumerate((slice(9), slice(9, None)))]
    joined = open_data(f"{parts[0]},{parts[1][4:]}", TEXT, purpose="train")
    assert torch.equal(rows_of(joined), ROWS)
    assert joined.labels is None


@pytest.mark.parametrize("arrays", [{"wave": WAVES}, {"x": WAVES}, {"signal": WAVES, "times": IDS}], ids=list)
def test_the_array_of_the_only_input(save, arrays):
    images = open_data(save(**arrays, y=Y), WAVE, purpose="eval")
    assert np.array_equal(rows_of(images), WAVES.reshape(COUNT, -1).astype(np.float32))
    assert images.labels.tolist() == Y.tolist()


def test_a_key_chooses_the_array_and_another_the_labels(save):
    spec = save(x=WAVES, raw=WAVES * 2, y=Y, target=Y[::-1])
    for text, labels in ((f"{spec}#raw#labels=target[:10]", None), (f"{spec}#raw[:10]", "target")):
        images = open_data(text, WAVE, purpose="eval", labels=labels)
        assert np.array_equal(rows_of(images), (WAVES[:10] * 2).reshape(10, -1).astype(np.float32))
        assert images.labels.tolist() == Y[::-1][:10].tolist()
    pictures = save("b.npz", photos=np.full((4, 6, 6, 3), 255, np.uint8), x=np.zeros((4, 6, 6, 3), np.uint8))
    assert float(open_data(f"{pictures}#photos", InputSpec(3, 6, 6), purpose="eval")[0][0].mean()) == 1


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.float64, ">f4", np.uint16])
def test_flat_samples_are_taken_as_they_are(save, dtype):
    x = RNG.integers(0, 100, (COUNT, 5)).astype(dtype)
    spec = InputSpec(5, None, None, layout="NC")
    for images in (open_data(save(x=x, y=Y), spec, purpose="eval"), as_images((x, Y), spec, "eval")):
        assert np.array_equal(rows_of(images), x.astype(np.float32))
        assert images.labels.tolist() == Y.tolist()
    scaled = open_data(save(x=x), InputSpec(5, None, None, layout="NC", mean=(2.0,), std=(4.0,)), purpose="eval")
    np.testing.assert_allclose(rows_of(scaled), (x.astype(np.float32) - 2) / 4)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_numbers_in_the_form_of_an_image_are_taken_as_they_are(save, dtype, layout):
    x = (RNG.normal(size=(COUNT, 1, 12, 5)) * 40).astype(dtype)
    expected = x.astype(np.float32) if layout == "NCHW" else np.moveaxis(x, 1, 3).astype(np.float32)
    for array in (x, np.moveaxis(x, 1, 3), x[:, 0]):
        images = open_data(save(x=array), InputSpec(1, 12, 5, layout), purpose="eval")
        assert np.array_equal(rows_of(images), expected)
        assert len(images.fingerprint()) == 64
    assert open_data(save(x=x), InputSpec(1, None, None), purpose="eval").sample_shape == (1, 12, 5)
    with pytest.raises(DataError, match=r"12 x 5, the network takes 10 x 5.*not scaled or cropped"):
        open_data(save(x=x), InputSpec(1, 10, 5), purpose="eval")


def test_integers_are_normalised_in_their_own_unit(save):
    x = np.array([[-128, 83, 127, 0]], np.int8).reshape(1, 1, 2, 2)
    images = open_data(save(x=x), InputSpec(1, 2, 2, mean=(83.0,), std=(2.0,)), purpose="eval")
    assert images[0][0].flatten().tolist() == [-105.5, 0, 22, -41.5]


def test_numbers_of_pictures_are_taken_as_they_are_once_that_is_stated(save):
    x = RNG.normal(size=(4, 3, 6, 6)).astype(np.float32)
    stated = InputSpec(3, 6, 6, mean=(0.0,), std=(1.0,))
    assert np.array_equal(rows_of(open_data(save(x=x), stated, purpose="eval")), x)
    grey = np.arange(72.0).reshape(2, 1, 6, 6)
    for spec, array in (
        (InputSpec(3, 6, 6), x),
        (InputSpec(1, 6, 6), grey),
        (InputSpec(1, 6, 6, std=(2.0,)), grey - 9),
    ):
        with pytest.raises(DataError, match=r"allowed are floats in 0\.\.1.*--mean 0 --std 1"):
            open_data(save(x=array), spec, purpose="eval")


def changed(array, index, value):
    array = array.astype(np.result_type(array, type(value)))
    array[index] = value
    return array


REFUSED = {
    "missing": ({"tokens": IDS}, TEXT, "does not hold ids [B, 8] int, mask [B, 8] bool, which the network takes; it"),
    "missing, held": ({"tokens": IDS}, TEXT, "it holds tokens [20, 8] int64. Name the arrays as the inputs are named"),
    "one missing": ({"ids": IDS}, TEXT, "does not hold mask [B, 8] bool"),
    "shapes": (
        {"ids": IDS[:, :7], "mask": MASK[:, None]},
        TEXT,
        "'ids' is [20, 7] int64, the network takes ids [B, 8] int; 'mask' is [20, 1, 8] bool, the network takes",
    ),
    "counts": ({"ids": IDS, "mask": MASK[:9]}, TEXT, "different numbers of samples: ids 20, mask 9"),
    "empty": ({"ids": IDS[:0], "mask": MASK[:0]}, TEXT, "holds no sample"),
    "text": ({"ids": IDS.astype(str), "mask": MASK}, TEXT, "the network takes ids [B, 8] int"),
    "large": (
        {"ids": changed(IDS, (3, 1), 30), "mask": MASK},
        TEXT,
        "sample 3: The input 'ids' holds 30: its embedding",
    ),
    "negative": (
        {"ids": changed(IDS, (4, 1), -1), "mask": MASK},
        TEXT,
        "holds -1: its embedding has 30 rows, so whole",
    ),
    "fraction": ({"ids": changed(IDS, (5, 1), 0.5), "mask": MASK}, TEXT, "sample 5: The input 'ids' holds fractions"),
    "half a mask": (
        {"ids": IDS, "mask": changed(MASK, (2, 1), 0.5)},
        TEXT,
        "sample 2: The input 'mask' holds fractions",
    ),
    "nan": ({"wave": changed(WAVES, (6, 1), np.nan)}, WAVE, "sample 6: the input 'wave' holds NaN or infinite"),
    "ambiguous": ({"a": WAVES, "b": WAVES}, WAVE, "does not hold wave [B, 3, 50], which the network takes"),
    "beyond": (
        {"n": np.full((2, 3), 2**24 + 1)},
        InputSpec.of_parts([InputPart("n", (3,), "int")]),
        "whole numbers up to 16777216",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("form", ["file", "dict"])
def test_what_does_not_fit_is_named(save, case, form):
    arrays, spec, message = REFUSED[case]
    with pytest.raises((DataError, InvalidValueError), match=re.escape(message)):
        as_images(save(**arrays) if form == "file" else arrays, spec, "eval")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"ids": IDS[0]}, "Item 1 of data does not hold mask"),
        ({"ids": IDS[0], "mask": MASK[0][:5]}, "Item 1 of data: 'mask' is [1, 5] bool, the network takes mask [B, 8]"),
        ({"ids": IDS[0] + 30, "mask": MASK[0]}, "Item 1 of data: The input 'ids' holds"),
        ((IDS[0], MASK[0], 1, 2), "Item 1 of data is a tuple of 4; the network takes ids [B, 8] int, mask [B, 8] bool"),
        (IDS[0], "Item 1 of data is a tuple of 1"),
        ((IDS[0], MASK[0], "cat"), "Item 1 of data has the label 'cat'"),
    ],
)
def test_an_item_that_does_not_fit_is_named(item, message):
    images = as_images(Items(lambda i: item if i == 1 else (IDS[i], MASK[i], 0)), TEXT, "eval")
    with pytest.raises((DataError, InvalidValueError), match=re.escape(message)):
        rows_of(images)


@pytest.mark.parametrize("data", [None, [IDS, MASK], (IDS, MASK, Y, Y), IDS, "digits"], ids=type)
def test_what_is_no_data_for_named_inputs(data):
    with pytest.raises(DataError, match=r"data is|names images, the network takes ids \[B, 8\] int, mask"):
        as_images(data, TEXT, "eval")


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("#ids", "chooses the array of a network's only input; this one takes ids [B, 8] int, mask [B, 8] bool"),
        ("#labels=target", "has no array 'target' for the labels; it holds ids [20, 8] int64, mask [20, 8] bool"),
        ("#a#b", "behind the files may stand #KEY"),
        ("#", "behind the files may stand #KEY"),
    ],
)
def test_wrong_keys(save, suffix, message):
    with pytest.raises(DataError, match=re.escape(message)):
        open_data(save(ids=IDS, mask=MASK) + suffix, TEXT, purpose="eval")


@pytest.mark.parametrize("y", [Y + 0.5, np.stack([Y, Y], 1)], ids=["fractions", "several"])
def test_targets_that_are_no_classes_are_left_out(save, y):
    spec = save(wave=WAVES, y=y)
    with pytest.warns(SnnconvWarning, match="'y' holds no class indices and is left out; --labels KEY names"):
        assert open_data(spec, WAVE, purpose="eval").labels is None
    with pytest.raises(DataError, match="whole number >= 0 for each of the 20"):
        open_data(spec, WAVE, purpose="eval", labels="y")


def test_labels_of_data_that_have_no_arrays():
    with pytest.raises(DataError, match=r"'digits' has its labels where its scheme says: only npz:FILE"):
        open_data("digits", InputSpec(1, 8, 8), purpose="eval", labels="target")


def test_a_sign_in_the_name_of_a_file_is_no_key(save):
    assert len(open_data(save("run#3.npz", wave=WAVES), WAVE, purpose="eval")) == COUNT
    assert len(open_data(save("run#3.npz", a=WAVES, b=WAVES) + "#b", WAVE, purpose="eval")) == COUNT


def test_data_tell_shapes_that_a_file_leaves_open(save):
    expected = {"ids": (8,), "mask": (8,)}
    for data in (save(ids=IDS, mask=MASK), *(LABELLED[form]() for form in ("dict", "order", "data set of dicts"))):
        assert input_shapes_of(data, ["ids", "mask"]) == expected
    assert input_shapes_of(save(x=WAVES, y=Y), ["wave"]) == {"wave": (3, 50)}
    assert input_shapes_of("npz:missing.npz", ["ids"]) == input_shapes_of("digits", ["ids"]) == {}
