"""Ceilings from histograms against a brute-force search over the values themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snnconv.convert.calibration.methods.mse import LARGEST, SMALLEST, STEPS, mse
from snnconv.convert.calibration.observation import Observation
from snnconv.convert.calibration.shrinkage import shrunken

EXCESS = 0.01  # of the least squared error that the search over histograms may leave
DISTRIBUTIONS = {
    "half normal": lambda rng, n: rng.standard_normal(n),
    "long tail": lambda rng, n: rng.standard_t(3, n),
    "uniform": lambda rng, n: rng.uniform(-1, 2, n),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.95, 0.0, rng.exponential(1.0, n)),
}


def error(values, ceiling, levels, cap=math.inf):
    activation = np.minimum(np.maximum(values, 0), cap)
    return float(
        np.square(
            activation - ceiling / levels * np.clip(np.floor(activation * levels / ceiling + 0.5), 0, levels)
        ).sum()
    )


def brute_force(values, levels, cap=math.inf):
    """The least error on the grid of fractions of the largest activation."""
    largest = min(values.max(), cap)
    return min(
        error(values, fraction * largest, levels, cap)
        for fraction in np.linspace(SMALLEST, LARGEST, STEPS, dtype=np.float32)
    )


def search(values, levels, cap=math.inf, parts=3):
    tensor = torch.tensor(values, dtype=torch.float32)
    found = Observation(tensor.amax(1), cap)
    for part in tensor.chunk(parts, 1):
        found.observe(part, 0)
        found.observe(part, 1)  # the same in both halves: the evidence for every channel is complete
    return shrunken(mse, found, levels).numpy()


@pytest.mark.parametrize("levels", [1, 2, 8, 16, 64])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_error_is_that_of_a_brute_force_search(name, levels):
    rng = np.random.default_rng(levels)
    values = np.stack([scale * DISTRIBUTIONS[name](rng, 3000) for scale in (1.0, 0.01, 250.0)])
    for channel, ceiling in zip(values, search(values, levels), strict=True):
        assert error(channel, ceiling, levels) <= (1 + EXCESS) * brute_force(channel, levels)


@pytest.mark.parametrize("levels", [4, 16])
def test_a_rectifier_that_saturates_bounds_the_ceiling(levels):
    rng = np.random.default_rng(1)
    values = np.stack([rng.normal(0, scale, 3000) for scale in (0.5, 3.0, 30.0)])
    found = search(values, levels, cap=6.0)
    assert (found <= 6.0).all()
    for channel, ceiling in zip(values, found, strict=True):
        assert error(channel, ceiling, levels, 6.0) <= (1 + EXCESS) * brute_force(channel, levels, 6.0)


def test_channels_are_told_apart():
    rng = np.random.default_rng(2)
    one, other = rng.standard_normal((2, 2000)) * [[1.0], [7.0]]
    both = search(np.stack([one, other]), 8)
    np.testing.assert_array_equal(both, [search(one[None], 8)[0], search(other[None], 8)[0]])


def test_batches_do_not_matter():
    values = np.random.default_rng(3).standard_normal((2, 1000))
    np.testing.assert_array_equal(search(values, 8, parts=1), search(values, 8, parts=7))


def test_a_ceiling_scales_with_its_values():
    values = np.random.default_rng(4).standard_normal((1, 2000))
    np.testing.assert_allclose(search(8 * values, 8), 8 * search(values, 8), rtol=1e-6)


def test_dead_channels_get_the_median():
    rng = np.random.default_rng(5)
    values = rng.standard_normal((5, 500)) * np.array([1, 2, 3, 1, 1])[:, None]
    values[3:] = -np.abs(values[3:])
    values[4] = 0
    found = search(values, 8)
    assert found[3] == found[4] == np.median(found[:3])


def test_more_levels_need_no_lower_ceiling():
    values = np.random.default_rng(6).standard_normal((1, 5000))
    found = [float(search(values, levels)[0]) for levels in (1, 2, 4, 16, 64)]
    assert found == sorted(found)


@pytest.mark.parametrize("exponent", [-100, -80, 80, 125])
def test_ceilings_follow_values_to_the_ends_of_single_precision(exponent):
    """Evidence of few values and a dead channel is weighed by squares that single precision does not hold."""
    values = np.random.default_rng(7).standard_t(3, (4, 2, 40)).clip(-6, 6)
    values[3] = 0

    def ceilings(scale):
        tensor = torch.tensor(values * scale, dtype=torch.float32)
        observation = Observation(tensor.amax((1, 2)))
        for half in (0, 1):
            observation.observe(tensor[:, half], half)
        return shrunken(mse, observation, 8).double().numpy()

    np.testing.assert_array_equal(ceilings(2.0**exponent) / 2.0**exponent, ceilings(1.0))


@pytest.mark.parametrize("scale", [1e-33, 1e-39, 1e-45])
def test_what_single_precision_cannot_divide_into_levels_counts_as_silent(scale):
    values = np.random.default_rng(8).uniform(0.5, 1.0, (4, 500))
    silent = values.copy()
    values[2:] *= scale
    silent[2:] = 0
    np.testing.assert_array_equal(search(values, 8), search(silent, 8))
