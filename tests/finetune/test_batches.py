"""What a training sees: the same images, changed in the same way, in however many processes and workers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snnconv.data import Images, open_data
from snnconv.finetune import batches
from snnconv.finetune.batches import Batches
from snnconv.finetune.settings import LoopSettings
from snnconv.model import InputSpec

CPU = torch.device("cpu")
CHANGES = [
    {},
    {"augment": False},
    {"auto_augment": "autoaugment"},
    {"cutout": 3},
    {"auto_augment": "randaugment", "cutout": 3},
]
# Not there, or no values: whatever waited for a value would fail on meta.
DEVICES = [
    "cpu",
    "meta",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Write random images `[n, H, W, C]` and open them."""

    def make(shape: tuple[int, ...], layout: str = "NCHW") -> Images:
        rng = np.random.default_rng(0)
        path = tmp_path_factory.mktemp("images") / "x.npz"
        np.savez(path, x=rng.integers(0, 255, shape, np.uint8), y=np.arange(shape[0]) % 3)
        spec = InputSpec(shape[3], *shape[1:3], layout=layout, mean=(0.5,), std=(0.25,))
        return open_data(f"npz:{path}", spec, purpose="train")

    return make


def _batches(images: Images, batch_size: int = 6, *, rank: int = 0, processes: int = 1, **choices) -> Batches:
    settings = LoopSettings(batch_size=batch_size, **choices)
    return Batches(images, settings, CPU, rank=rank, processes=processes)


def _equal(first, second) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("size", [8, 65])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_without_augmentation_an_epoch_is_the_images_in_another_order(images, size, layout):
    few = images((7, size, size, 3), layout)
    batches = _batches(few, 3, augment=False)
    x, y = next(few.batches(7))
    xs, ys = zip(*batches.epoch(1), strict=True)
    assert [len(part) for part in xs] == [3, 3] == [3] * len(batches)  # the seventh is left out
    drawn = [next(i for i in range(7) if torch.equal(x[i], image)) for image in torch.cat(xs)]
    assert len(set(drawn)) == 6
    assert torch.equal(y[drawn], torch.cat(ys))
    assert drawn == [*batches.positions(1, 1), *batches.positions(1, 2)]
    assert drawn != sorted(drawn)


@pytest.mark.parametrize("choices", CHANGES)
@pytest.mark.parametrize(("size", "layout"), [(8, "NCHW"), (8, "NHWC"), (65, "NCHW")])
def test_seed_and_epoch_alone_fix_the_images(images, size, layout, choices):
    few = images((6, size, size, 3), layout)
    first = list(_batches(few, 3, **choices).epoch(2))
    assert torch.cat([x for x, _ in first]).shape == (6, *few.sample_shape)
    batches = _batches(few, 3, **choices)
    assert not _equal(first, batches.epoch(1))  # an epoch before it changes nothing
    assert _equal(first, batches.epoch(2))
    assert not _equal(first, _batches(few, 3, seed=1, **choices).epoch(2))


@pytest.mark.parametrize(
    "choices", [{}, {"augment": False, "cutout": 3}, {"augment": False, "auto_augment": "randaugment"}]
)
def test_every_epoch_changes_an_image_anew(images, choices):
    few = images((24, 8, 8, 3))
    batches = _batches(few, 24, **choices)

    def by_position(epoch: int) -> torch.Tensor:
        ((x, _),) = batches.epoch(epoch)
        return x[torch.tensor(batches.positions(epoch, 1)).argsort()]

    first, second = by_position(1), by_position(2)
    assert (first == second).flatten(1).all(1).sum() < 12


@pytest.mark.parametrize("choices", CHANGES)
def test_an_image_is_changed_alike_in_any_batch(images, choices):
    few = images((12, 8, 8, 3))
    order = _batches(few).positions(1, 1) + _batches(few).positions(1, 2)
    for size in (2, 4, 12):
        batches = _batches(few, size, **choices)
        found = torch.cat([x for x, _ in batches.epoch(1)])
        assert torch.equal(found, torch.cat([x for x, _ in _batches(few, **choices).epoch(1)]))
        assert [batches.positions(1, step) for step in range(1, len(batches) + 1)] == [
            order[start : start + size] for start in range(0, 12, size)
        ]


@pytest.mark.parametrize("choices", CHANGES)
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_together_see_the_batch_of_one(images, processes, choices):
    few = images((15, 8, 8, 3))
    whole = list(_batches(few, **choices).epoch(1))
    ranks = [_batches(few, rank=rank, processes=processes, **choices).epoch(1) for rank in range(processes)]
    assert len(whole) == 2
    for (x, y), *parts in zip(whole, *ranks, strict=True):
        assert all(len(share) == 6 // processes for share, _ in parts)
        shares = [(image.numpy().tobytes(), int(label)) for share in parts for image, label in zip(*share, strict=True)]
        assert sorted(shares) == sorted((i.numpy().tobytes(), int(label)) for i, label in zip(x, y, strict=True))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine of one core
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_make_the_same_batches(images):
    few = images((12, 8, 8, 3))
    choices = {"auto_augment": "randaugment", "cutout": 2}
    assert _equal(_batches(few, **choices).epoch(3), _batches(few, workers=2, **choices).epoch(3))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("choices", [{}, {"augment": False}, {"cutout": 3}])
@pytest.mark.parametrize(("size", "layout"), [(8, "NCHW"), (8, "NHWC")])
def test_a_device_that_holds_the_images_makes_the_same_batches(images, size, layout, choices, device):
    few, settings = images((15, size, size, 3), layout), LoopSettings(batch_size=6, **choices)
    for rank, processes in ((0, 1), (0, 2), (1, 2)):
        plain = Batches(few, settings, CPU, rank=rank, processes=processes)
        there = Batches(few, settings, torch.device(device), rank=rank, processes=processes, resident=True)
        for epoch, done in ((1, 0), (2, 1)):
            found = list(there.epoch(epoch, done=done))
            assert all(part.device.type == device for pair in found for part in pair)
            if device == "meta":
                assert [x.shape for x, _ in found] == [x.shape for x, _ in plain.epoch(epoch, done=done)]
            else:
                assert _equal(plain.epoch(epoch, done=done), [(x.cpu(), y.cpu()) for x, y in found])


def test_it_holds_them_where_they_are_few_and_changed_in_batches(images, monkeypatch):
    few, large, meta = images((6, 8, 8, 3)), images((6, 65, 65, 3)), torch.device("meta")

    def held(data: Images, device: torch.device = meta, **choices) -> bool:
        return Batches(data, LoopSettings(batch_size=6, **choices), device).resident is not None

    assert held(few)
    assert held(few, cutout=3)
    assert held(large, augment=False)
    assert not held(few, CPU)
    assert not held(few, workers=0)
    assert not held(large)  # cut out and scaled image by image
    assert not held(few, auto_augment="randaugment")
    monkeypatch.setattr(batches, "MOST_RESIDENT", 6 * 8 * 8 * 3 - 1)
    assert not held(few)


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_what_is_done_is_left_out(images, done):
    few = images((14, 8, 8, 3))
    whole = list(_batches(few, 4).epoch(1))
    assert len(whole) == 3
    assert _equal(whole[done:], _batches(few, 4).epoch(1, done=done))


def test_nobody_elses_random_numbers_are_used(images):
    few = images((6, 8, 8, 3))
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(_batches(few, auto_augment="autoaugment", cutout=2).epoch(1))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])


def test_colour_images_are_flipped_and_grey_ones_are_not(images):
    def mirrored(channels: int) -> int:
        few = images((40, 8, 8, channels))
        pixels = few.pixels_at(range(40))
        seen = {few.normalise(image[None].flip(-1))[0, :, 2:-2, 2:-2].numpy().tobytes() for image in pixels}
        x = torch.cat([x for x, _ in _batches(few, 4).epoch(1)])
        windows = [x[:, :, 2 + i : 6 + i, 2 + j : 6 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return sum(any(window[k].numpy().tobytes() in seen for window in windows) for k in range(40))

    assert mirrored(1) == 0
    assert 10 < mirrored(3) < 30


@pytest.mark.parametrize(("processes", "share"), [(1, 5), (2, 2)])
def test_fewer_images_than_a_batch_are_one_batch(images, processes, share):
    few = images((5, 8, 8, 3))
    batches = _batches(few, 64, processes=processes)
    assert len(batches) == 1
    assert [len(y) for _, y in batches.epoch(1)] == [share]


def test_frames_of_a_recording_are_changed_alike(tmp_path):
    rng = np.random.default_rng(0)
    count, events, frames = 12, 300, 3
    np.savez(
        tmp_path / "e.npz",
        train_xyp=np.stack([rng.integers(0, high, count * events) for high in (8, 8, 2)], 1),
        train_t_us=np.concatenate([np.sort(rng.integers(0, 1000, events)) for _ in range(count)]),
        train_offset=np.arange(count + 1) * events,
        train_label=np.arange(count) % 3,
    )
    few = open_data(f"events:{tmp_path / 'e.npz'}", InputSpec(2, 8, 8, timesteps=frames), purpose="train")
    batches = _batches(few, 4, cutout=3)
    there = Batches(few, LoopSettings(batch_size=4, cutout=3), CPU, resident=True)
    assert _equal(batches.epoch(1), there.epoch(1))
    for step, (x, y) in enumerate(batches.epoch(1), start=1):
        assert x.shape == (frames, 4, 2, 8, 8)
        for member, position in enumerate(batches.positions(1, step)):
            assert int(y[member]) == position % 3
            padded = torch.nn.functional.pad(few.pixels(position), (1, 1, 1, 1))  # [T, 2, H, W]
            found = x[:, member]
            crops = [padded[..., i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
            kept = [(found == crop).all(0).all(0) for crop in crops]  # what is not erased, in all frames at once
            assert max(int(places.sum()) for places in kept) >= 64 - 9


def test_large_frames_are_shifted_and_never_scaled_or_flipped(tmp_path):
    rng = np.random.default_rng(0)
    side, events = 72, 400
    np.savez(
        tmp_path / "e.npz",
        train_xyp=np.stack([rng.integers(0, high, events) for high in (side, side, 2)], 1),
        train_t_us=np.sort(rng.integers(0, 1000, events)),
        train_offset=np.array([0, events]),
        train_label=np.array([0]),
    )
    few = open_data(f"events:{tmp_path / 'e.npz'}", InputSpec(2, side, side, timesteps=2), purpose="train")
    far, before = side // 8, few.pixels(0)
    padded = torch.nn.functional.pad(before, (far, far, far, far))
    for epoch in range(1, 9):
        ((x, _),) = _batches(few, 1).epoch(epoch)
        crops = (padded[..., i : i + side, j : j + side] for i in range(2 * far + 1) for j in range(2 * far + 1))
        assert any(torch.equal(x[:, 0], crop.to(x.dtype)) for crop in crops)
