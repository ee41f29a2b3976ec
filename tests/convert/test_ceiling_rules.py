"""Every rule for ceilings against its formula, over the values themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from reference import ceilings as reference

from snnconv.convert.calibration.method import METHODS, ordered_methods
from snnconv.convert.calibration.methods.balance import balance
from snnconv.convert.calibration.methods.maximum import maximum
from snnconv.convert.calibration.methods.mse import mse
from snnconv.convert.calibration.methods.percentile import percentile
from snnconv.convert.calibration.observation import BINS, Observation

BIN = 2 / BINS  # of the largest value: a histogram tells no better
RULES = {"max": maximum, "percentile": percentile, "mse": mse, "balance": balance}


def channels(seed=0, count=4000):
    rng = np.random.default_rng(seed)
    values = np.stack(
        [rng.standard_normal(count), 0.01 * rng.standard_t(3, count), 250 * rng.exponential(1.0, count) - 100]
    )
    return values.astype(np.float32)


def observation(values, cap=float("inf"), signed=False):
    tensor = torch.from_numpy(values)
    found = Observation((tensor.abs() if signed else tensor).amax(1), cap, signed=signed)
    for half, part in enumerate(tensor.chunk(2, 1)):
        found.observe(part, half)
    return found


@pytest.mark.parametrize("levels", [1, 8, 64])
def test_maximum_and_percentile(levels):
    values = channels()
    for name in ("max", "percentile"):
        found = RULES[name](observation(values), levels).numpy()
        for channel, ceiling in zip(values, found, strict=True):
            wanted = getattr(reference, {"max": "maximum"}.get(name, name))(channel, levels)
            assert abs(ceiling - wanted) <= BIN * channel.max()


@pytest.mark.parametrize("levels", [2, 8, 32])
def test_errors_balance_where_they_should(levels):
    values = channels(seed=levels)
    for channel, ceiling in zip(values, balance(observation(values), levels).numpy(), strict=True):
        width = BIN * channel.max()
        assert reference.balance_residual(channel, levels, float(ceiling) - width) > 0
        assert reference.balance_residual(channel, levels, float(ceiling) + width) < 0


def test_more_levels_clip_less():
    values = channels()
    found = [balance(observation(values), levels) for levels in (2, 4, 16, 64)]
    for fewer, more in pairwise(found):
        assert (more > fewer).all()


@pytest.mark.parametrize("name", RULES)
def test_signed_values_count_by_their_magnitude(name):
    values = channels()
    mirrored = np.where(np.random.default_rng(1).random(values.shape) < 0.5, -1, 1) * np.abs(values)
    wanted = RULES[name](observation(np.abs(values)), 16)
    torch.testing.assert_close(RULES[name](observation(mirrored.astype(np.float32), signed=True), 16), wanted)


@pytest.mark.parametrize("name", RULES)
def test_a_ceiling_scales_with_its_values(name):
    values = channels()
    torch.testing.assert_close(RULES[name](observation(8 * values), 16), 8 * RULES[name](observation(values), 16))


def test_pooled_channels_are_one():
    values = channels()
    values[1] *= 1e4  # so that no channel is below the bins of the others
    pooled = observation(values).pooled()
    alone = observation(values.reshape(1, -1))
    assert pooled.histogram.sum() == alone.histogram.sum() == (values > 0).sum()
    for rule in RULES.values():
        torch.testing.assert_close(rule(pooled, 16), rule(alone, 16), rtol=0.02, atol=0)


def test_every_method_has_its_rule():
    assert list(ordered_methods()) == ["auto", *RULES, "bias", "reconstruct", "ridge"]
    assert all(METHODS[name].ceilings is rule for name, rule in RULES.items())
