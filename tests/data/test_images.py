import warnings

import numpy as np
import pytest
import torch

from snnconv.data.datasets import open_data
from snnconv.errors import DataError, InvalidValueError, SnnconvWarning
from snnconv.model import InputSpec

X = np.random.default_rng(1).integers(0, 256, (11, 5, 6, 3), dtype=np.uint8)
Y = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 9])


@pytest.fixture
def images(tmp_path):
    def make(part="", labels=True, **values):
        np.savez(tmp_path / "a.npz", x=X, **({"y": Y} if labels else {}))
        return open_data(f"npz:{tmp_path / 'a.npz'}{part}", InputSpec(3, 5, 6, **values), purpose="eval")

    return make


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)), ((0.5,), (0.25,)), (None, None), ((0.1,), None), (None, (2.0,))],
)
def test_normalisation_is_pixel_minus_mean_over_std(images, layout, mean, std):
    given = images(layout=layout, mean=mean, std=std)
    expected = np.empty(X.shape)
    for channel in range(3):
        m = 0 if mean is None else (mean * 3)[channel]
        s = 1 if std is None else (std * 3)[channel]
        expected[..., channel] = (X[..., channel] / 255.0 - m) / s
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    batch, _ = next(given.batches(11))
    assert batch.dtype == torch.float32
    np.testing.assert_allclose(batch.numpy(), expected, atol=2e-6, rtol=0)
    np.testing.assert_allclose(given[4][0].numpy(), expected[4], atol=2e-6, rtol=0)
    assert torch.equal(given.normalise(given.pixels(4)), given[4][0])


def test_batches_are_the_items_in_order(images):
    given = images()
    batches = list(given.batches(4))
    assert [len(x) for x, _ in batches] == [4, 4, 3]
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    assert y.dtype == torch.int64
    for index in range(11):
        assert torch.equal(x[index], given[index][0])
        assert y[index] == given[index][1] == Y[index]
    with pytest.raises(InvalidValueError, match="batch_size is 0"):
        given.batches(0)


def test_iteration_ends(images):
    assert len(list(images())) == 11


def test_nothing_changes_the_images(images):
    for values in ({}, {"layout": "NHWC"}):
        given = images(**values)
        given.pixels(0).zero_()
        given[0][0].zero_()
        next(given.batches(3))[0].zero_()
        assert np.array_equal(given.pixels(0), np.moveaxis(X[0], 2, 0))
    with pytest.raises(ValueError, match="read-only"):
        given.labels[0] = 3


def test_normalise_leaves_its_argument_alone(images):
    x = torch.rand(2, 3, 5, 6)
    kept = x.clone()
    assert images().normalise(x) is not x
    images(mean=(0.5,)).normalise(x)
    assert torch.equal(x, kept)


def test_subsets_of_subsets(images):
    part = images("[1:]").subset([5, 0, 3]).subset([2, 1])
    assert part.labels.tolist() == [Y[4], Y[1]]
    assert np.array_equal(part.pixels(0), np.moveaxis(X[4], 2, 0))
    for wrong in ([], [2], [-1]):
        with pytest.raises(InvalidValueError, match=r"one or more in 0\.\.1"):
            part.subset(wrong)


def test_a_sample_is_seeded_ascending_and_without_repeats(images):
    given = images()
    one, same, other = (given.sample(6, seed) for seed in (1, 1, 2))
    stack = [torch.stack([x for x, _ in drawn]) for drawn in (one, same, other)]
    assert torch.equal(stack[0], stack[1])
    assert not torch.equal(stack[0], stack[2])
    places = [next(i for i in range(11) if torch.equal(given[i][0], x)) for x, _ in one]
    assert places == sorted(set(places))
    assert len(places) == 6


def test_too_large_a_sample_warns_with_both_numbers(images):
    given = images()
    with pytest.warns(SnnconvWarning, match=r"^Using all 11 images of .*: 20 were asked for\.$"):
        assert len(given.sample(20, 0)) == 11
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(given.sample(11, 0)) == 11
    for n, seed in ((0, 0), (3, -1)):
        with pytest.raises(InvalidValueError, match="at least"):
            given.sample(n, seed)


def test_labels_are_checked_against_the_classes(images):
    images().check_labels(10)
    with pytest.raises(DataError, match=r"image 10 has label 9.*5 classes \(0\.\.4\)"):
        images().check_labels(5)
    images("[:10]").check_labels(5)
    with pytest.raises(DataError, match="11 of 11 images have no label"):
        images(labels=False).check_labels(10)


def test_a_data_loader_takes_them(images):
    x, y = next(iter(torch.utils.data.DataLoader(images(), batch_size=4)))
    assert x.shape == (4, 3, 5, 6)
    assert y.tolist() == [0, 1, 2, 3]


def test_the_first_images():
    digits = open_data("digits[:5]", InputSpec(1, 8, 8), purpose="eval")
    assert digits.first(None) is digits
    assert digits.first(9) is digits
    assert len(digits.first(2)) == 2
    assert torch.equal(digits.first(2).pixels(1), digits.pixels(1))
    with pytest.raises(InvalidValueError):
        digits.first(0)
