import numpy as np
import pytest
import torch

from snnconv.data.datasets import describe_data, open_data
from snnconv.errors import DataError, FileError
from snnconv.model import InputSpec

RNG = np.random.default_rng(0)


@pytest.fixture
def save(tmp_path):
    def write(name="a.npz", **arrays):
        np.savez(tmp_path / name, **arrays)
        return f"npz:{tmp_path / name}"

    return write


def refuse(spec, match, kind=DataError, spec_input=None):
    with pytest.raises(kind, match=match):
        open_data(spec, spec_input or InputSpec(3, None, None), purpose="eval")


def grey_or_rgb(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def test_layout_is_recognised_from_the_channels(save):
    x = grey_or_rgb(5, 6, 7, 3)
    last, first = save("last.npz", x=x), save("first.npz", x=np.moveaxis(x, 3, 1))
    for layout, expected in (("NHWC", x), ("NCHW", np.moveaxis(x, 3, 1))):
        for spec in (last, first):
            images = open_data(spec, InputSpec(3, 6, 7, layout), purpose="eval")
            batch, y = next(images.batches(5))
            np.testing.assert_allclose(batch.numpy(), expected / np.float32(255), rtol=1e-6)
            assert batch.is_contiguous()
            assert y.tolist() == [-1] * 5
            assert images.sample_shape == batch.shape[1:]


def test_an_ambiguous_layout_prefers_the_last_axis(save):
    x = grey_or_rgb(2, 3, 4, 3)
    images = open_data(save(x=x), InputSpec(3, None, None), purpose="eval")
    assert np.array_equal(images.pixels(1), np.moveaxis(x[1], 2, 0))
    assert images.input.height, images.input.width == (3, 4)


def test_three_axes_are_grey(save):
    x = grey_or_rgb(4, 5, 6)
    images = open_data(save(x=x), InputSpec(1, None, None), purpose="eval")
    assert np.array_equal(images.pixels(2)[0], x[2])
    assert images.labels is None


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 1), (4, 2, 8, 8)])
def test_wrong_channels_name_both_counts(save, shape):
    channels = 2 if 2 in shape else 1
    refuse(save(x=grey_or_rgb(*shape)), rf"have {channels} channels.*takes 3", spec_input=InputSpec(3, 8, 8))


@pytest.mark.parametrize("shape", [(4,), (4, 8), (1, 4, 8, 8, 3), (4, 0, 8, 3)])
def test_a_wrong_rank_is_refused(save, shape):
    refuse(save(x=np.zeros(shape, np.uint8)), "has shape")


@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool, np.uint16, complex, "U3"])
def test_a_wrong_type_is_refused(save, dtype):
    refuse(save(x=np.zeros((2, 8, 8, 3), dtype)), "is of type.*allowed are uint8")


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1), (0, 1.01), (0, np.inf)])
def test_floats_outside_0_1_are_refused_with_their_range(save, low, high):
    x = np.full((2, 8, 8, 3), low, np.float32)
    x[1, 2, 3, 0] = high
    refuse(save(x=x), rf"in {low:g}\.\.{high:g}; allowed are floats in 0\.\.1")


def test_nan_is_refused(save):
    x = np.zeros((2, 8, 8, 3), np.float32)
    x[1, 2, 3, 0] = np.nan
    refuse(save(x=x), "NaN")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_pixels_already(save, dtype):
    x = RNG.random((3, 8, 8, 3)).astype(dtype)
    images = open_data(save(x=x), InputSpec(3, 8, 8, "NHWC"), purpose="eval")
    np.testing.assert_allclose(images[1][0].numpy(), x[1].astype(np.float32), rtol=1e-6)


def test_files_are_joined_in_order_and_sliced_as_a_whole(save):
    x, y = grey_or_rgb(7, 4, 4, 3), np.arange(7, dtype=np.uint8)
    a = save("a.npz", x=x[:4], y=y[:4])
    b = save("b.npz", x=x[4:], y=y[4:])
    images = open_data(f"{a},{b[4:]}[2:6]", InputSpec(3, 4, 4), purpose="train")
    assert images.labels.tolist() == [2, 3, 4, 5]
    assert np.array_equal(images.pixels(3), np.moveaxis(x[5], 2, 0))
    assert len(images) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"x": np.zeros((1, 4, 5, 3), np.uint8), "y": [0]},
        {"x": np.zeros((1, 4, 4, 3), np.float32), "y": [0]},
        {"x": np.zeros((1, 4, 4, 3), np.uint8)},
    ],
)
def test_files_that_are_joined_must_agree(save, other):
    a = save("a.npz", x=np.zeros((1, 4, 4, 3), np.uint8), y=[0])
    refuse(f"{a},{save('b.npz', **other)[4:]}", "agree")


@pytest.mark.parametrize(
    "y",
    [[0, 1], [[0], [1], [2]], [0, 1, -1], [0, 1, 0.5], [0, 1, np.nan], ["a", "b", "c"], [0, 1, 2**63]],
    ids=str,
)
def test_wrong_labels_are_refused(save, y):
    refuse(save(x=grey_or_rgb(3, 4, 4, 3), y=np.array(y)), "whole number >= 0 for each of the 3")


def test_pickled_objects_are_refused_and_not_run(save, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    x = np.empty(1, object)
    x[0] = Evil()
    refuse(save(x=x), "pickled objects are refused", FileError)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_npz_is_refused(tmp_path, save):
    refuse(f"npz:{tmp_path / 'none.npz'}", "is not there", FileError)
    refuse(f"npz:{tmp_path}", "no file", FileError)
    (tmp_path / "text.npz").write_text("hello")
    refuse(f"npz:{tmp_path / 'text.npz'}", "cannot be read as .npz", FileError)
    np.save(tmp_path / "x.npy", np.zeros(3))
    refuse(f"npz:{tmp_path / 'x.npy'}", r"no .npz file", FileError)
    whole = tmp_path / save(x=grey_or_rgb(9, 8, 8, 3)).partition(":")[2]
    whole.write_bytes(whole.read_bytes()[:-100])
    refuse(f"npz:{whole}", "cannot be read", FileError)
    refuse(save(images=np.zeros(3)), "must be called 'x'")
    refuse(save(x=np.zeros((0, 8, 8, 3), np.uint8)), "no image")


def test_digits_split_without_overlap():
    spec = InputSpec(1, 8, 8)
    train, held_out = (open_data("digits", spec, purpose=purpose) for purpose in ("train", "eval"))
    assert (len(train), len(held_out)) == (1438, 359)
    assert len(open_data("digits", spec, purpose="calibration")) == 1438
    assert train.classes == tuple("0123456789")
    x, y = next(train.batches(2000))
    assert (x.min(), x.max()) == (0, 1)
    assert set(y.tolist()) == set(range(10))
    from sklearn.datasets import load_digits

    bunch = load_digits()
    np.testing.assert_array_equal(held_out[7][0][0].numpy(), bunch.images[39] / 16)
    assert held_out[7][1] == bunch.target[39]


def test_description_before_there_is_a_network(save):
    info = describe_data("digits[:100]", purpose="train")
    assert (info.channels, info.height, info.width, info.classes, info.length) == (1, 8, 8, 10, 100)
    assert info.class_names == tuple("0123456789")
    for shape in ((4, 6, 7, 3), (4, 3, 6, 7)):
        info = describe_data(save(x=grey_or_rgb(*shape), y=[0, 5, 1, 1]) + "[:1]", purpose="train")
        assert (info.channels, info.height, info.width, info.classes, info.length) == (3, 6, 7, 6, 1)
        assert info.class_names is None
    info = describe_data(save(x=grey_or_rgb(4, 6, 7)), purpose="train")
    assert (info.channels, info.height, info.width, info.classes) == (1, 6, 7, None)


def test_arrays_are_cropped_or_scaled_but_never_padded(save):
    x = grey_or_rgb(2, 10, 12, 3)
    spec = save(x=x)
    cropped = open_data(spec, InputSpec(3, 8, 8), purpose="eval").pixels(0)
    assert np.array_equal(cropped, np.moveaxis(x[0, 1:9, 2:10], 2, 0))
    scaled = open_data(spec, InputSpec(3, 16, 16, resize=20), purpose="eval").pixels(0)
    assert scaled.shape == (3, 16, 16)
    assert scaled.dtype == torch.uint8
    refuse(spec, r"10 x 12.*16 x 16.*--resize N", spec_input=InputSpec(3, 16, 16))
    own = open_data(spec, InputSpec(3, None, None, resize=5), purpose="eval")
    assert own.sample_shape == own[0][0].shape == (3, 5, 6)


@pytest.mark.shared
def test_all_of_cifar10_from_three_parts(shared):
    parts = ",".join(str(shared / f"data/cifar10_train_{part}.npz") for part in range(3))
    images = open_data(f"npz:{parts}[45000:50000]", InputSpec(3, 32, 32), purpose="train")
    assert len(images) == 5000
    images.check_labels(10)
    with np.load(shared / "data/cifar10_train_2.npz") as last:
        assert np.array_equal(images.pixels(4999), np.moveaxis(last["x"][-1], 2, 0))
        assert images.labels[-1] == last["y"][-1]
