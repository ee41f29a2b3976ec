"""Images drawn from the input spec alone."""

from __future__ import annotations

import pytest
import torch

from snnconv.convert.calibration.synthetic import synthetic_images
from snnconv.errors import ModelError
from snnconv.model import InputSpec

SPECS = {
    "image": InputSpec(3, 12, 20),
    "image with mean and deviation": InputSpec(3, 12, 20, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3)),
    "deviation only": InputSpec(3, 12, 20, std=(0.5,)),
    "channels last": InputSpec(3, 12, 20, layout="NHWC", mean=(0.5,), std=(0.2,)),
    "one pixel": InputSpec(1, 1, 1),
    "flat": InputSpec(7, None, None, layout="NC"),
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("count", [1, 9])
def test_shape_and_seed(name, count):
    spec = SPECS[name]
    drawn = synthetic_images(spec, count, seed=1)
    assert drawn.shape == (count, *spec.sample_shape())
    assert drawn.dtype == torch.float32
    assert torch.isfinite(drawn).all()
    if drawn.numel() > 1:
        assert not torch.equal(drawn, synthetic_images(spec, count, seed=2))
    assert torch.equal(drawn, synthetic_images(spec, count, seed=1))


def test_known_statistics_are_met():
    drawn = synthetic_images(SPECS["image with mean and deviation"], 200)
    assert abs(float(drawn.mean())) < 0.2
    assert float(drawn.std()) == pytest.approx(1, abs=0.05)


def test_unknown_statistics_leave_pixels():
    drawn = synthetic_images(SPECS["image"], 200)
    assert float(drawn.min()) == 0
    assert float(drawn.max()) == 1


def test_flat_values_are_standard_normal():
    drawn = synthetic_images(SPECS["flat"], 3000)
    assert drawn.mean(0).abs().max() < 0.1
    assert (drawn.std(0) - 1).abs().max() < 0.1


def test_images_are_smooth():
    drawn = synthetic_images(InputSpec(1, 32, 32), 100)
    centred = drawn - drawn.mean()
    neighbours = (centred[..., 1:] * centred[..., :-1]).mean() / centred.square().mean()
    assert neighbours > 0.6


def test_an_open_size_is_refused():
    with pytest.raises(ModelError, match="--size"):
        synthetic_images(InputSpec(3, None, None), 2)
