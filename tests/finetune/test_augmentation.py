from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator

from snnconv.finetune.augment import flip, resized_crop, shift
from snnconv.finetune.batches import Batches
from snnconv.model import InputSpec
from snnconv.zoo import Images, open_data

CPU = torch.device("cpu")


def _seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_shift_is_a_crop_of_the_padded_image(dtype):
    x = torch.randint(1, 255, (40, 2, 8, 16), generator=_seeded()).to(dtype)
    shifted = shift(x, _seeded(1))
    assert (shifted.dtype, shifted.shape) == (x.dtype, x.shape)
    padded = torch.nn.functional.pad(x, (2, 2, 1, 1))
    seen = set()
    for image, before in zip(shifted, padded, strict=True):
        crops = {(i, j): before[:, i : i + 8, j : j + 16] for i in range(3) for j in range(5)}
        found = [place for place, crop in crops.items() if torch.equal(crop, image)]
        assert len(found) == 1
        seen.update(found)
    assert len(seen) > 8  # of 15


def test_a_flip_mirrors_about_half_of_the_images():
    x = torch.rand(200, 1, 4, 5, generator=_seeded())
    flipped = flip(x, _seeded(1))
    mirrored = (flipped == x.flip(-1)).flatten(1).all(1)
    kept = (flipped == x).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 70 < mirrored.sum() < 130


def test_a_resized_crop_is_a_part_of_the_image():
    ramp = torch.linspace(0, 1, 80).expand(20, 3, 72, 80)  # rises from left to right
    cropped = resized_crop(ramp, _seeded())
    assert cropped.shape == ramp.shape
    row = cropped[:, 0, 0]
    assert (row.diff(dim=1) >= -1e-5).all()
    widths = row[:, -1] - row[:, 0]
    assert widths.max() <= 1
    assert widths.min() > 0.2
    assert widths.std() > 0.05


def _images(tmp_path, shape: tuple[int, ...], layout="NCHW") -> Images:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.integers(0, 255, shape, np.uint8), y=np.arange(shape[0]) % 3)
    spec = InputSpec(shape[3], *shape[1:3], layout=layout, mean=(0.5,), std=(0.25,))
    return open_data(f"npz:{tmp_path / 'x.npz'}", spec, purpose="train")


@pytest.mark.parametrize("size", [8, 65])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_without_augmentation_an_epoch_is_the_images_in_another_order(tmp_path, size, layout):
    images = _images(tmp_path, (7, size, size, 3), layout)
    batches = Batches(images, 3, augment=False, seed=0, device=CPU)
    assert (batches.pixels is None) == (size > 64)
    x, y = next(images.batches(7))
    xs, ys = zip(*batches, strict=True)
    assert [len(part) for part in xs] == [3, 3] == [3] * len(batches)  # the seventh is left out
    drawn = [next(i for i in range(7) if torch.equal(x[i], image)) for image in torch.cat(xs)]
    assert len(set(drawn)) == 6
    assert torch.equal(y[drawn], torch.cat(ys))


@pytest.mark.parametrize("size", [8, 65])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_the_seed_fixes_order_and_augmentation(tmp_path, size, layout):
    images = _images(tmp_path, (6, size, size, 3), layout)

    def epochs(seed: int) -> list[torch.Tensor]:
        batches = Batches(images, 3, augment=True, seed=seed, device=CPU)
        return [torch.cat([x for x, _ in batches]) for _ in range(2)]

    first, same, other = epochs(0), epochs(0), epochs(1)
    assert first[0].shape == (6, *images.sample_shape)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[1])


def test_grey_images_are_not_flipped(tmp_path):
    images = _images(tmp_path, (40, 8, 8, 1))
    assert not Batches(images, 4, augment=True, seed=0, device=CPU).flips


def test_fewer_images_than_a_batch_are_one_batch(tmp_path):
    batches = Batches(_images(tmp_path, (5, 8, 8, 3)), 64, augment=True, seed=0, device=CPU)
    assert [len(y) for _, y in batches] == [5]
