import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import events as reference

from snnconv.data.datasets import describe_data, open_data
from snnconv.data.events import event_frames, time_slices
from snnconv.errors import DataError, FileError
from snnconv.model import InputSpec

RNG = np.random.default_rng(3)
HEIGHT, WIDTH, T = 5, 6, 3
SPEC = InputSpec(2, HEIGHT, WIDTH, timesteps=T)


def part_of(counts, *, seed=0, name="train", dtype=np.uint8):
    """Recordings of these numbers of events, labelled 0, 1, 2, ...; the first event of all is in the far corner."""
    rng = np.random.default_rng(seed)
    total = sum(counts)
    xyp = np.stack([rng.integers(0, size, total) for size in (WIDTH, HEIGHT, 2)], 1)
    if total:
        xyp[0] = (WIDTH - 1, HEIGHT - 1, 1)
    t_us = np.concatenate([np.sort(rng.integers(0, 1000, count)) for count in counts])
    return {
        f"{name}_xyp": xyp.astype(dtype),
        f"{name}_t_us": t_us.astype(np.uint32),
        f"{name}_offset": np.cumsum([0, *counts]),
        f"{name}_label": np.arange(len(counts), dtype=np.uint8),
    }


TRAIN = part_of([40, 0, 1, 25, 60])
TEST = part_of([30, 12], seed=1, name="test")


def expected(arrays, index, part="train", timesteps=T):
    events = slice(*arrays[f"{part}_offset"][index : index + 2])
    xyp, times = arrays[f"{part}_xyp"][events].tolist(), arrays[f"{part}_t_us"][events].tolist()
    return reference.frames(xyp, times, timesteps, HEIGHT, WIDTH)


@pytest.fixture
def save(tmp_path):
    def write(arrays=TRAIN | TEST, **changed):
        arrays = {name: value for name, value in (dict(arrays) | changed).items() if value is not None}
        np.savez(tmp_path / "events.npz", **arrays)
        return f"events:{tmp_path / 'events.npz'}"

    return write


# Cutting into frames


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 12)), max_size=30),
    st.integers(1, 7),
    st.sampled_from([np.uint8, np.int16, np.uint32, np.int64]),
)
@settings(deadline=None)
def test_frames_count_what_the_reference_counts(events, timesteps, dtype):
    xyp = np.array([event[:3] for event in events], dtype).reshape(-1, 3)
    times = np.array([event[3] for event in events], dtype)
    found = event_frames(xyp, times, timesteps, 3, 4)
    assert found.dtype == np.float32
    assert found.sum() == len(events)
    wanted = reference.frames([event[:3] for event in events], [event[3] for event in events], timesteps, 3, 4)
    np.testing.assert_array_equal(found, wanted)


def test_slices_are_exact_for_late_and_long_recordings():
    start, span = 2**52, 3 * 2**40
    times = np.array([start, start + span // 3 - 1, start + span // 3, start + 2 * span // 3, start + span])
    assert time_slices(times, 3).tolist() == [0, 0, 1, 2, 2]
    assert time_slices(times.astype(np.uint64), 3).tolist() == [0, 0, 1, 2, 2]


def test_more_slices_than_microseconds():
    assert time_slices(np.array([7, 8, 9]), 5).tolist() == [0, 2, 4]
    assert time_slices(np.array([7, 7]), 5).tolist() == [0, 0]


# Opening


def test_recordings_are_frames_with_time_in_front(save):
    data = open_data(save(), SPEC, purpose="train")
    assert len(data) == 5
    for index in range(5):
        wanted = expected(TRAIN, index)
        np.testing.assert_array_equal(data.pixels(index).numpy(), wanted)
        x, label = data[index]
        assert x.dtype == torch.float32
        assert label == index
        np.testing.assert_array_equal(x.numpy(), wanted)  # counts: nothing divides them
    assert data.sample_shape == (2, HEIGHT, WIDTH)
    assert data.input == SPEC
    assert not data.pixels(1).any()


def test_batches_are_time_major(save):
    data = open_data(save(), SPEC, purpose="train")
    batches = list(data.batches(2))
    assert [tuple(x.shape) for x, _ in batches] == [data.input.batch_shape(count) for count in (2, 2, 1)]
    assert [data.input.batch_of(x) for x, _ in batches] == [2, 2, 1]
    x = torch.cat([x for x, _ in batches], 1)
    assert all(part.is_contiguous() for part, _ in batches)
    assert torch.cat([y for _, y in batches]).tolist() == [0, 1, 2, 3, 4]
    for index in range(5):
        np.testing.assert_array_equal(x[:, index].numpy(), expected(TRAIN, index))
    several = data.pixels_at([3, 0])
    assert several.shape == (2, T, 2, HEIGHT, WIDTH)
    assert torch.equal(data.normalise(several), x[:, [3, 0]])


def test_normalisation_is_in_events(save):
    spec = InputSpec(2, HEIGHT, WIDTH, "NHWC", mean=(0.5, 0.25), std=(2.0, 4.0), timesteps=T)
    x, _ = next(open_data(save(), spec, purpose="train").batches(5))
    assert x.shape == (T, 5, HEIGHT, WIDTH, 2)
    for index in range(5):
        wanted = (np.moveaxis(expected(TRAIN, index), 1, 3) - [0.5, 0.25]) / [2.0, 4.0]
        np.testing.assert_array_equal(x[:, index].numpy(), wanted)


def test_the_network_says_how_many_frames(save):
    spec = save()
    for timesteps in (1, 2, 8):
        data = open_data(spec, InputSpec(2, None, None, timesteps=timesteps), purpose="train")
        np.testing.assert_array_equal(data.pixels(4).numpy(), expected(TRAIN, 4, timesteps=timesteps))
    info = describe_data(spec + "[:3]", purpose="train")
    assert (info.channels, info.height, info.width, info.classes, info.length) == (2, HEIGHT, WIDTH, 5, 3)
    assert info.temporal
    assert not describe_data("digits", purpose="train").temporal


def test_parts_by_purpose_slices_and_subsets(save):
    both, one = save(), None
    assert [len(open_data(both, SPEC, purpose=purpose)) for purpose in ("train", "calibration", "eval")] == [5, 5, 2]
    np.testing.assert_array_equal(
        open_data(both, SPEC, purpose="eval").pixels(1).numpy(), expected(TEST, 1, part="test")
    )
    part = open_data(f"{both}[1::2]", SPEC, purpose="train").subset([1, 0])
    assert part.labels.tolist() == [3, 1]
    np.testing.assert_array_equal(part.pixels(0).numpy(), expected(TRAIN, 3))
    assert len(open_data(both, SPEC, purpose="train").sample(3, 0)) == 3
    for arrays, count in ((TRAIN, 5), (TEST, 2)):
        one = save(arrays, height=np.uint16(HEIGHT), width=np.uint16(WIDTH))
        assert {len(open_data(one, SPEC, purpose=purpose)) for purpose in ("train", "eval")} == {count}


@pytest.mark.parametrize("dtype", [np.uint16, np.int64])
def test_any_integers_do(save, dtype):
    arrays = {name: value.astype(dtype) for name, value in TRAIN.items()}
    data = open_data(save(arrays), SPEC, purpose="train")
    np.testing.assert_array_equal(data.pixels(4).numpy(), expected(TRAIN, 4))


def test_the_sensor_is_stated_or_as_large_as_the_events_of_both_parts_reach(save):
    near = part_of([9, 9], name="test")
    near["test_xyp"][:, :2] = 0
    data = open_data(save(TRAIN | near), InputSpec(2, None, None, timesteps=T), purpose="eval")
    assert data.sample_shape == (2, HEIGHT, WIDTH)
    data = open_data(save(height=8, width=np.array([9])), InputSpec(2, None, None, timesteps=T), purpose="eval")
    assert data.sample_shape == (2, 8, 9)
    silent = save(part_of([0, 0]), height=4, width=4)
    assert not open_data(silent, InputSpec(2, None, None, timesteps=T), purpose="train").pixels(1).any()


def test_frames_are_cropped_to_a_smaller_network(save):
    data = open_data(save(), InputSpec(2, 3, 4, timesteps=T), purpose="train")
    np.testing.assert_array_equal(data.pixels(0).numpy(), expected(TRAIN, 0)[..., 1:4, 1:5])
    scaled = open_data(save(), InputSpec(2, 4, 4, resize=4, timesteps=T), purpose="train")
    assert scaled.pixels(0).shape == (T, 2, 4, 4)
    with pytest.raises(DataError, match=r"5 x 6.*8 x 8"):
        open_data(save(), InputSpec(2, 8, 8, timesteps=T), purpose="train")


def test_labels_may_be_missing_until_they_are_needed(save):
    data = open_data(save(TRAIN, train_label=None), SPEC, purpose="train")
    assert data[2][1] == -1
    assert next(data.batches(3))[1].tolist() == [-1] * 3
    with pytest.raises(DataError, match=r"5 of 5 images have no label.*'train_label'"):
        data.check_labels(10)


# What does not fit


def test_still_and_moving_data_are_told_apart(save):
    with pytest.raises(DataError, match=r"recordings that change over time.*timesteps=T"):
        open_data(save(), InputSpec(2, HEIGHT, WIDTH), purpose="train")
    with pytest.raises(DataError, match=r"still images.*T=3 frames.*events:FILE"):
        open_data("digits", InputSpec(1, 8, 8, timesteps=3), purpose="train")
    with pytest.raises(DataError, match=r"2 channels, one a polarity.*takes 1"):
        open_data(save(), InputSpec(1, HEIGHT, WIDTH, timesteps=3), purpose="train")


E = len(TRAIN["train_xyp"])


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"train_xyp": None}, r"lacks train_xyp: recordings are 'train_xyp' \[E,3\]"),
        ({"train_t_us": None, "train_offset": None}, "lacks train_t_us, train_offset"),
        ({"train_xyp": TRAIN["train_xyp"][:, :2]}, r"'train_xyp' has shape \[126, 2\]"),
        ({"train_xyp": TRAIN["train_xyp"].astype(float)}, r"'train_xyp' has .*type float64; allowed are integers"),
        ({"train_xyp": TRAIN["train_xyp"].astype(int) - 1}, "holds -1"),
        ({"train_xyp": TRAIN["train_xyp"] * np.uint8(2)}, r"polarity 2: allowed are 0 .* and 1"),
        ({"train_xyp": np.full((E, 3), [70000, 70000, 0])}, r"70001 x 70001 pixels.*damaged"),
        ({"test_xyp": np.full((5, 3), 7)}, "'test_xyp' holds the polarity 7"),
        ({"train_t_us": TRAIN["train_t_us"][1:]}, r"'train_t_us' has shape \[125\].*each of the 126 events"),
        ({"train_t_us": TRAIN["train_t_us"] / 2}, "type float64"),
        ({"train_t_us": TRAIN["train_t_us"].astype(int) - 500}, "times from -"),
        ({"train_t_us": np.full(E, 2**60)}, "times from 1152921504606846976"),
        ({"train_offset": np.array([[0, E]])}, r"'train_offset' has shape \[1, 2\]"),
        ({"train_offset": np.array([0.0, E])}, "type float64"),
        ({"train_offset": np.array([0])}, "has 1 values, which is no recording"),
        ({"train_offset": np.array([], int)}, "has 0 values"),
        ({"train_offset": np.array([0, 40, 39, 41, 66, E])}, "falls from 40 to 39 at recording 1"),
        ({"train_offset": np.array([0, 40, 40, 41, 66, E + 1])}, "goes from 0 to 127; .* events, 126"),
        ({"train_offset": np.array([0, 40, 40, 41, 66, E - 1])}, "goes from 0 to 125"),
        ({"train_offset": np.array([1, 40, 40, 41, 66, E])}, "goes from 1 to 126"),
        ({"train_offset": np.array([-1, 40, 40, 41, 66, E])}, "goes from -1 to 126"),
        ({"train_label": np.arange(4)}, r"'train_label'.*each of the 5"),
        ({"train_label": np.array([0, 1, 2, 3, -1])}, "label -1 of image 4"),
        ({"height": np.uint8(HEIGHT)}, "height 5 and width None"),
        ({"height": np.uint8(HEIGHT), "width": np.uint8(WIDTH - 1)}, r"column 5 or row 4.*outside its sensor of 5 x 5"),
        ({"height": np.array([5, 5]), "width": np.uint8(WIDTH)}, "'height' must be one whole number"),
        ({"height": np.uint8(HEIGHT), "width": np.float32(WIDTH)}, "'width' must be one whole number"),
        ({"height": np.int8(0), "width": np.int8(0)}, "'height' must be one whole number of pixels >= 1"),
    ],
)
def test_damaged_arrays_are_refused(save, changed, match):
    with pytest.raises(DataError, match=match):
        open_data(save(**changed), SPEC, purpose="train")


def test_files_without_recordings(save, tmp_path):
    with pytest.raises(DataError, match=r"holds \['x'\]: recordings are 'train_xyp'.*or the same of test"):
        open_data(save({"x": np.zeros(3)}), SPEC, purpose="train")
    with pytest.raises(DataError, match="no event: state the sensor's size"):
        open_data(save(part_of([0, 0])), SPEC, purpose="train")
    with pytest.raises(FileError, match=r"is not there.*events:FILE"):
        open_data(f"events:{tmp_path / 'none.npz'}", SPEC, purpose="train")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(FileError, match=r"cannot be read as .npz.*train_xyp"):
        open_data(f"events:{tmp_path / 'text.npz'}", SPEC, purpose="train")


def test_pickled_objects_are_refused_and_not_run(save, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    offset = np.empty(1, object)
    offset[0] = Evil()
    with pytest.raises(FileError, match="pickled objects are refused"):
        open_data(save(train_offset=offset), SPEC, purpose="train")
    assert not (tmp_path / "ran").exists()


# tonic


class FakeNMNIST:
    """As tonic's own: files below DIR/<class>, looked for in the constructor and downloaded where they are missing."""

    classes: object = ["zero", "one"]
    sensor_size = (WIDTH, HEIGHT, 2)

    def __init__(self, save_to, train=True):
        self.folder = f"{save_to}/{type(self).__name__}"
        self.train = train
        if save_to != "data":
            self.download()
        self.targets = [0, 1, 1] if train else [1, 0]

    def download(self):
        raise AssertionError("downloaded")

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        if self.train and index == 2:
            raise OSError("truncated")
        kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
        events = np.zeros(0 if index else 4, kind)
        events["x"], events["t"] = 1, 10 * np.arange(len(events))
        return events, self.targets[index]


class FakeDVS(FakeNMNIST):
    """Without parts, and with classes as CIFAR10DVS has them."""

    classes = {"dog": 1, "cat": 0}  # noqa: RUF012

    def __init__(self, save_to):
        super().__init__(save_to)


class FakeToFrame:
    def __init__(self, sensor_size, n_time_bins):
        self.shape = (n_time_bins, *sensor_size[::-1])

    def __call__(self, events):
        frames = np.zeros(self.shape, np.int16)
        for step, event in enumerate(events[: len(frames)]):
            frames[step, event["p"], event["y"], event["x"]] += 1
        return frames


@pytest.fixture
def tonic(monkeypatch):
    classes = {"NMNIST": FakeNMNIST, "CIFAR10DVS": FakeDVS}
    fake = types.SimpleNamespace(
        datasets=types.SimpleNamespace(**{name: type(name, (kind,), {}) for name, kind in classes.items()}),
        transforms=types.SimpleNamespace(ToFrame=FakeToFrame),
    )
    monkeypatch.setitem(sys.modules, "tonic", fake)
    return fake


def test_data_of_tonic(tonic):
    data = open_data("tonic:NMNIST:data", SPEC, purpose="train")
    assert data.labels.tolist() == [0, 1, 1]
    assert data.classes == ("zero", "one")
    x, y = next(data.subset([0, 1]).batches(2))
    assert x.shape == (T, 2, 2, HEIGHT, WIDTH)
    assert y.tolist() == [0, 1]
    assert x[:, 0, 0, 0, 1].tolist() == [1] * T
    assert x.sum() == T  # the second recording is empty
    assert data._source.dataset.folder == "data/NMNIST"
    assert type(data._source.dataset) is tonic.datasets.NMNIST
    info = describe_data("tonic:NMNIST:data[:1]", purpose="eval")
    assert (info.temporal, info.length, info.height, info.width) == (True, 1, HEIGHT, WIDTH)
    assert open_data("tonic:NMNIST:data", SPEC, purpose="eval").labels.tolist() == [1, 0]
    with pytest.raises(DataError, match=r"recording 2 of NMNIST \(OSError: truncated\)"):
        data.pixels(2)


def test_data_of_tonic_without_parts(tonic):
    for purpose in ("train", "eval"):
        data = open_data("tonic:CIFAR10DVS:data", SPEC, purpose=purpose)
        assert (len(data), data.classes) == (3, ("cat", "dog"))


def test_tonic_downloads_nothing(tonic):
    for purpose, train in (("train", True), ("eval", False)):
        with pytest.raises(DataError, match=rf"tonic.datasets.NMNIST\('elsewhere', train={train}\)"):
            open_data("tonic:NMNIST:elsewhere", SPEC, purpose=purpose)
    with pytest.raises(DataError, match=r"CIFAR10DVS\('elsewhere'\)"):
        open_data("tonic:CIFAR10DVS:elsewhere", SPEC, purpose="train")


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("tonic:NMIST:data", r"Did you mean NMNIST\? Known: ASLDVS"),
        ("tonic:nmnist:data", "Did you mean NMNIST"),
        ("tonic:SHD:data", "names no data set that is taken. Known"),
        ("tonic:NMNIST", "Write 'tonic:NAME:DIR'"),
        ("tonic:NMNIST: ", "Write 'tonic:NAME:DIR'"),
        ("tonic", "Write 'tonic:NAME:DIR'"),
        ("tonic:DVSLip:data", "has no DVSLip. Upgrade"),
    ],
)
def test_names_that_tonic_does_not_have(tonic, spec, match):
    with pytest.raises(DataError, match=match):
        open_data(spec, SPEC, purpose="train")


def test_tonic_that_fails(tonic, monkeypatch):
    def fail(self, save_to):
        raise ValueError("bad header")

    monkeypatch.setattr(tonic.datasets.CIFAR10DVS, "__init__", fail)
    with pytest.raises(DataError, match=r"cannot open CIFAR10DVS in 'data' \(ValueError: bad header\)"):
        open_data("tonic:CIFAR10DVS:data", SPEC, purpose="train")
    monkeypatch.setattr(tonic.transforms, "ToFrame", lambda **_: lambda events: np.zeros((1, 2, 3)))
    with pytest.raises(DataError, match=r"frames \[1, 2, 3\], not \[3, 2, 5, 6\]"):
        open_data("tonic:NMNIST:data", SPEC, purpose="train").pixels(0)


def test_tonic_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tonic", None)
    with pytest.raises(DataError, match=r"pip install 'snnconv\[events\]'"):
        open_data("tonic:NMNIST:data", SPEC, purpose="train")


# Real recordings


@pytest.mark.shared
def test_every_event_of_nmnist_is_in_a_frame(shared):
    path = shared / "data/nmnist_small.npz"
    for part, purpose, count in (("train", "train", 1000), ("test", "eval", 100)):
        data = open_data(f"events:{path}", InputSpec(2, 34, 34, timesteps=4), purpose=purpose)
        assert len(data) == count
        data.check_labels(10)
        with np.load(path) as arrays:
            events, offset = len(arrays[f"{part}_t_us"]), arrays[f"{part}_offset"]
        each = torch.cat([x.sum((0, 2, 3, 4)) for x, _ in data.batches(100)])
        assert each.tolist() == np.diff(offset).tolist()
        assert each.sum(dtype=torch.float64) == events


def test_frames_of_a_fixed_length():
    xyp, t_us = np.array([[0, 0, 0]] * 5), np.array([999, 1000, 1001, 2500, 3000])
    frames = event_frames(xyp, t_us, 3, 1, 1, 1000)
    assert frames[:, 0, 0, 0].tolist() == [1, 2, 1]  # what is later than three milliseconds is left out
    with pytest.raises(DataError, match="begins at 999 microseconds"):
        event_frames(xyp, t_us, 3, 1, 1, 100)
