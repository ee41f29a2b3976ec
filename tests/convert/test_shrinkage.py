"""Ceilings and biases by the evidence there is: few images must not clip what they have not seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.ceilings import shrunken_shift as reference_shift

from snnconv.convert.calibration.means import GROUPS, GroupMeans, shrunken_shift
from snnconv.convert.calibration.methods.mse import mse
from snnconv.convert.calibration.observation import Observation
from snnconv.convert.calibration.shrinkage import shrunken, squared_error

CHANNELS, PIXELS = 24, 50


def draw(images, seed):
    """Each image has its own strength in each channel, so that a few show little of what there is."""
    rng = np.random.default_rng(seed)
    strength = rng.exponential(1.0, (CHANNELS, images, 1)) ** 1.5
    return torch.tensor(strength * rng.exponential(1.0, (CHANNELS, images, PIXELS)), dtype=torch.float32)


def observe(values):
    found = Observation(values.flatten(1).amax(1))
    for half, part in enumerate(values.chunk(2, 1)):
        found.observe(part.flatten(1), half)
    return found


def test_few_images_are_shrunk_and_many_are_not():
    shares = []
    for images in (4, 1000):
        observation = observe(draw(images, 0))
        shares.append(float((shrunken(mse, observation, 64) / mse(observation, 64)).log().mean()))
    assert shares[0] > 5 * max(shares[1], 0.01)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_not_seen_is_clipped_less(seed):
    observation, unseen = observe(draw(4, seed)), draw(2000, 100 + seed)
    test = observe(unseen)
    own, drawn = (
        squared_error(test, found, 64).sum() for found in (mse(observation, 64), shrunken(mse, observation, 64))
    )
    assert drawn < 0.8 * own


def test_no_ceiling_sinks_and_none_passes_the_cap():
    values = draw(4, 1)
    observation = observe(values)
    assert (shrunken(mse, observation, 16) >= mse(observation, 16)).all()
    capped = Observation(values.flatten(1).amax(1), 2.0)
    capped.observe(values.flatten(1), 0)
    assert (shrunken(mse, capped, 16) <= 2.0).all()


def test_a_channel_that_one_half_never_saw_goes_half_the_way():
    values = draw(200, 2)
    values[0] *= 0.01
    values[0, 100:] = -1.0
    observation = observe(values)
    own, layer = mse(observation, 16)[0], mse(observation.pooled(), 16)[0]
    found = shrunken(mse, observation, 16)[0]
    assert found >= 0.99 * float((own * layer).sqrt())


def test_squared_error_is_that_of_the_values():
    values = draw(30, 3)
    ceilings = values.flatten(1).amax(1) * torch.linspace(0.3, 1.2, CHANNELS)
    step = (ceilings / 8).view(-1, 1, 1)
    wanted = (((values / step + 0.5).floor().clamp(0, 8) * step - values) ** 2).sum((1, 2))
    torch.testing.assert_close(squared_error(observe(values), ceilings, 8).float(), wanted, rtol=0.02, atol=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=GROUPS))
def test_a_shift_is_shrunk_by_its_spread(differences):
    found = float(shrunken_shift(torch.tensor(differences, dtype=torch.float64).unsqueeze(1)))
    assert found == pytest.approx(reference_shift(np.array(differences, dtype=np.float64)), abs=1e-9)


def test_one_group_is_believed():
    assert float(shrunken_shift(torch.tensor([[0.3]]))) == pytest.approx(0.3)


@pytest.mark.parametrize(("shape", "axis"), [((5, 3, 4, 4), 1), ((5, 4, 4, 3), 3), ((5, 3), 1), ((5, 2, 2), None)])
def test_means_of_groups(shape, axis):
    batches = [torch.randn(shape, dtype=torch.float64), torch.randn(9, *shape[1:], dtype=torch.float64)]
    means = GroupMeans()
    for batch in batches:
        means.add(batch, axis)
    whole = torch.cat(batches).double()
    channels = whole.unsqueeze(1) if axis is None else whole.movedim(axis, 1)
    for group, found in enumerate(means.means()):
        wanted = channels[group::GROUPS].transpose(0, 1).flatten(1).mean(1)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
