"""Where the potentials of multi-threshold neurons start: a number, or one a channel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import multithreshold as reference

from snnconv.errors import InvalidValueError
from snnconv.neurons import Coupling, MultiThreshold, multithreshold

few = settings(max_examples=25, deadline=None)
CLOSE = {"rtol": 1e-11, "atol": 1e-11}  # rounding in another order: a few units in the last place of float64


def _draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(0.5, 1.0, shape))


@few
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**31), st.sampled_from([1, -1]))
def test_a_layer_is_the_loop_over_its_channels(timesteps, levels, seed, axis):
    channels, x = 3, _draw(timesteps * 2, 3, 4, 3, seed=seed)
    ceiling, initial = _draw(channels, seed=seed + 1).abs() + 0.3, _draw(channels, seed=seed + 2)
    site = MultiThreshold(
        ceiling, timesteps, levels, coupling=Coupling.CAUSAL, initial=initial, channel_axis=axis
    ).double()
    found = site(x).detach().unflatten(0, (timesteps, 2)).movedim(2 if axis == 1 else -1, 0).numpy()
    steps = x.unflatten(0, (timesteps, 2)).movedim(2 if axis == 1 else -1, 0).numpy()
    for channel in range(channels):
        theta = ceiling[channel].item() / levels
        did = reference.trace(steps[channel], np.array(theta), levels, initial[channel].item())
        np.testing.assert_allclose(found[channel], did.s * theta, **CLOSE)


@few
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**31))
def test_what_is_observed_and_what_is_not_start_at_the_same_potential(timesteps, levels, seed):
    currents, theta, initial = _draw(timesteps, 2, 3, seed=seed), torch.tensor(0.7), _draw(3, seed=seed + 1)
    seen = []
    observed = multithreshold(currents, theta, levels, initial=initial, observe=seen.append)
    torch.testing.assert_close(multithreshold(currents, theta, levels, initial=initial), observed, **CLOSE)
    torch.testing.assert_close(seen[0], (initial + currents[0] / theta - 0.5).to(seen[0].dtype), **CLOSE)


def test_it_is_saved_and_not_trained():
    site = MultiThreshold(torch.ones(2), 4, 1, coupling=Coupling.CAUSAL, initial=torch.tensor([0.25, 0.75]))
    assert site.state_dict()["initial"].tolist() == [0.25, 0.75]
    assert [name for name, _ in site.named_parameters()] == ["ceiling"]
    assert float(MultiThreshold(torch.ones(2), 4, 1).initial) == 0.5


@pytest.mark.parametrize(
    ("initial", "coupling", "told"),
    [
        (0.25, Coupling.MEAN, "Under mean coupling"),
        (torch.tensor([0.5, 0.25]), Coupling.MEAN, "Under mean coupling"),
        (float("nan"), Coupling.CAUSAL, "finite"),
        (torch.zeros(2, 2), Coupling.CAUSAL, r"shape \(2, 2\)"),
    ],
)
def test_what_makes_no_sense_is_refused(initial, coupling, told):
    with pytest.raises(InvalidValueError, match=told):
        MultiThreshold(torch.ones(2), 4, 1, coupling=coupling, initial=initial)
