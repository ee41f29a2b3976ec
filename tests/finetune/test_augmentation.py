"""Random changes of images: from numbers that are given, a row an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator

from snnconv.errors import InvalidValueError
from snnconv.finetune.augment import cutout, each_image, flip, policy_of, resized_crop, shift
from snnconv.finetune.augmentation import Augmentation
from snnconv.finetune.settings import LoopSettings
from snnconv.model import InputSpec


def _seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def _draws(count: int, width: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, width, generator=_seeded(seed))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_shift_is_a_crop_of_the_padded_image(dtype):
    x = torch.randint(1, 255, (40, 2, 8, 16), generator=_seeded()).to(dtype)
    draws = _draws(40, 2)
    shifted = shift(x, draws)
    assert (shifted.dtype, shifted.shape) == (x.dtype, x.shape)
    padded = torch.nn.functional.pad(x, (2, 2, 1, 1))
    seen = set()
    for image, before, (down, right) in zip(shifted, padded, draws.tolist(), strict=True):
        top, left = int(down * 3), int(right * 5)
        assert torch.equal(image, before[:, top : top + 8, left : left + 16])
        seen.add((top, left))
    assert len(seen) > 8  # of 15


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("padding", "mode"), [("zeros", "constant"), ("reflection", "reflect")])
def test_a_shift_of_so_many_pixels_in_a_padded_image(padding, mode, dtype):
    x = torch.randint(1, 255, (60, 2, 4, 6), generator=_seeded()).to(dtype)
    draws, seen = _draws(60, 2), set()
    shifted = shift(x, draws, 3, padding)
    assert (shifted.dtype, shifted.shape) == (x.dtype, x.shape)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (3, 3), (3, 3)), mode=mode)
    for image, before, (down, right) in zip(shifted.numpy(), padded, draws.tolist(), strict=True):
        top, left = int(down * 7), int(right * 7)
        np.testing.assert_array_equal(image, before[:, top : top + 4, left : left + 6])
        seen |= {top, left}
    assert seen == set(range(7))


@pytest.mark.parametrize("padding", ["zeros", "reflection"])
def test_no_shift_is_the_image(padding):
    x = torch.rand(5, 1, 4, 6, generator=_seeded())
    assert torch.equal(shift(x, _draws(5, 2), 0, padding), x)


@pytest.mark.parametrize(("size", "reach"), [((8, 10), 8), ((80, 80), 2)])
def test_a_shift_that_cannot_be_is_refused(size, reach):
    with pytest.raises(InvalidValueError, match=rf"shift is {reach}, the images are {size[0]} x {size[1]} pixels"):
        Augmentation(InputSpec(3, *size), LoopSettings(shift=reach))


def test_settings_of_the_shift_are_the_shift():
    x = torch.rand(50, 3, 8, 8, generator=_seeded())
    augmentation = Augmentation(InputSpec(3, 8, 8), LoopSettings(shift=3, padding="reflection"))
    draws = augmentation.draws(1, 50)
    expected = flip(shift(x, draws.places[:, :2], 3, "reflection"), draws.places[:, 4])
    assert torch.equal(augmentation(x, draws), expected)


def test_alternating_flips_take_each_image_in_every_second_epoch():
    augmentation = Augmentation(InputSpec(3, 8, 8), LoopSettings(shift=0, flips="alternating"))
    x = torch.rand(2000, 3, 8, 8, generator=_seeded())
    epochs = [(augmentation(x, augmentation.draws(epoch, 2000)) != x).flatten(1).any(1) for epoch in range(1, 5)]
    assert 850 < epochs[0].sum() < 1150
    assert torch.equal(epochs[0], ~epochs[1])
    assert torch.equal(epochs[0], epochs[2])
    assert torch.equal(epochs[1], epochs[3])


@pytest.mark.parametrize("number", [0.0, 1 - 2**-24])
def test_the_outermost_numbers_stay_within_the_image(number):
    x = torch.rand(1, 1, 70, 70, generator=_seeded())
    assert shift(x, torch.full((1, 2), number)).shape == x.shape
    assert resized_crop(x, torch.full((1, 4), number)).shape == x.shape
    assert int((cutout(x + 1, torch.full((1, 2), number), 7) == 0).sum()) == 49


def test_a_flip_mirrors_about_half_of_the_images():
    x = torch.rand(200, 1, 4, 5, generator=_seeded())
    draws = _draws(200, 1)[:, 0]
    flipped = flip(x, draws)
    mirrored = (flipped == x.flip(-1)).flatten(1).all(1)
    kept = (flipped == x).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert torch.equal(mirrored, draws < 0.5)
    assert 70 < mirrored.sum() < 130


def test_a_resized_crop_is_a_part_of_the_image():
    ramp = torch.linspace(0, 1, 80).expand(20, 3, 72, 80)  # rises from left to right
    cropped = resized_crop(ramp, _draws(20, 4))
    assert cropped.shape == ramp.shape
    row = cropped[:, 0, 0]
    assert (row.diff(dim=1) >= -1e-5).all()
    widths = row[:, -1] - row[:, 0]
    assert widths.max() <= 1
    assert widths.min() > 0.2
    assert widths.std() > 0.05


def test_a_resized_crop_may_be_the_whole_image():
    x = torch.randint(0, 255, (1, 3, 70, 70), generator=_seeded(), dtype=torch.uint8)
    whole = torch.tensor([[1 - 2**-24, 0.5, 0.3, 0.3]])  # all of the area, as wide as high
    assert torch.equal(resized_crop(x, whole), x)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("side", [1, 3, 7])
def test_cutout_erases_exactly_one_square(dtype, side):
    corners = set()
    for image in cutout(torch.ones(60, 2, 8, 10, dtype=dtype), _draws(60, 2), side):
        assert image.dtype == dtype
        rows, columns = (image == 0).all(0).nonzero(as_tuple=True)
        top, left = int(rows.min()), int(columns.min())
        expected = torch.ones(2, 8, 10, dtype=dtype)
        expected[:, top : top + side, left : left + side] = 0
        assert torch.equal(image, expected)
        corners.add((top, left))
    assert len(corners) >= min((9 - side) * (11 - side), 20) / 2


@pytest.mark.parametrize("side", [8, 9])
def test_a_square_that_hides_the_whole_image_is_refused(side):
    with pytest.raises(InvalidValueError, match=rf"cutout is {side}, the images are 8 x 10 pixels"):
        Augmentation(InputSpec(3, 8, 10), LoopSettings(cutout=side))


def test_nothing_asked_for_is_nothing_done():
    assert policy_of("none", (8, 8)) is None
    nothing = Augmentation(InputSpec(3, 8, 8), LoopSettings(augment=False))
    x = torch.rand(4, 3, 8, 8, generator=_seeded())
    assert torch.equal(nothing(x, nothing.draws(1, 4)), x)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("policy", "size"), [("autoaugment", 32), ("autoaugment", 80), ("randaugment", 32)])
def test_each_image_is_changed_by_its_own_seed_alone(policy, size, dtype):
    x = torch.randint(0, 255, (8, 3, size, size), generator=_seeded(), dtype=torch.uint8)
    x = x if dtype == torch.uint8 else x / 255
    change, seeds = policy_of(policy, (size, size)), torch.arange(8) * 1_000_003
    assert change is not None
    changed = each_image(x, change, seeds)
    assert (changed.dtype, changed.shape) == (x.dtype, x.shape)
    backwards = torch.arange(7, -1, -1)
    assert torch.equal(each_image(x[backwards], change, seeds[backwards])[backwards], changed)
    other = each_image(x, change, seeds + 1)
    assert sum(torch.equal(a, b) for a, b in zip(changed, other, strict=True)) < 4


def test_torchs_generator_goes_on_as_it_would_have():
    change = policy_of("randaugment", (8, 8))
    assert change is not None
    before = torch.get_rng_state()
    each_image(torch.zeros(4, 3, 8, 8), change, torch.arange(4))
    assert torch.equal(torch.get_rng_state(), before)

    def fails(image: torch.Tensor) -> torch.Tensor:
        raise KeyError(float(torch.rand(())))

    with pytest.raises(KeyError):
        each_image(torch.zeros(1, 3, 8, 8), fails, torch.arange(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("name", ["autoaugment", "randaugment"])
def test_what_is_neither_grey_nor_in_colours_is_refused(name, channels):
    with pytest.raises(InvalidValueError, match=rf"auto_augment is '{name}'.*have {channels} channels"):
        policy_of(name, (8, 8), channels)
    x = torch.ones(2, channels, 8, 8)
    assert int((cutout(x, _draws(2, 2), 3) == 0).sum()) == 2 * channels * 9
