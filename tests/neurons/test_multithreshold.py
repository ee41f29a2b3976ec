from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import multithreshold as reference

from snnconv.errors import InvalidValueError
from snnconv.neurons import Coupling, MultiThreshold, couple, multithreshold, qcfs

FIXED = (Coupling.MEAN, Coupling.CAUSAL)
few = settings(max_examples=25, deadline=None)
steps = st.integers(1, 6)
levels = st.integers(1, 5)
seeds = st.integers(0, 2**31)
# rounding in another order: a few units in the last place of float64
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def _draw(timesteps: int, seed: int, per_channel: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Currents `[T, B, C]` below 0, within and above the ceilings, and ceilings `[]` or `[C]`, float64."""
    rng = np.random.default_rng(seed)
    currents = torch.tensor(rng.normal(0.5, 1.0, (timesteps, 3, 4)))
    return currents, torch.tensor(rng.uniform(0.3, 2.0, 4 if per_channel else ()))


@few
@given(steps, levels, seeds, st.booleans(), st.sampled_from([0.0, 0.5, 0.25]))
def test_it_is_the_loop_over_units_and_steps(timesteps, top, seed, per_channel, initial):
    currents, theta = _draw(timesteps, seed, per_channel)
    s, _ = reference.multithreshold(currents.numpy(), theta.numpy(), top, initial)
    found = multithreshold(currents, theta, top, initial=initial)
    np.testing.assert_allclose(found.numpy(), s * theta.numpy(), **CLOSE)


@few
@given(steps, levels, seeds, st.booleans())
def test_time_mean_of_a_constant_current_is_qcfs(timesteps, top, seed, per_channel):
    currents, lam = _draw(1, seed, per_channel)
    out = multithreshold(currents.expand(timesteps, -1, -1), lam / top, top)
    torch.testing.assert_close(out.mean(0), qcfs(currents[0], lam, top * timesteps), **CLOSE)


@few
@given(steps, levels, seeds, st.booleans())
def test_time_mean_under_mean_coupling_is_qcfs_of_the_mean_current(timesteps, top, seed, per_channel):
    currents, lam = _draw(timesteps, seed, per_channel)
    site = MultiThreshold(lam, timesteps, top, coupling=Coupling.MEAN)
    out = site(currents.flatten(0, 1)).unflatten(0, (timesteps, -1))
    torch.testing.assert_close(out.mean(0), qcfs(currents.mean(0), lam, top * timesteps), **CLOSE)


@few
@given(steps, levels, seeds)
def test_a_single_threshold_neuron_fires_as_often_for_a_constant_current(timesteps, top, seed):
    currents, lam = _draw(1, seed)
    constant = currents.expand(timesteps, -1, -1)
    spikes = reference.single_threshold(constant.numpy(), lam.numpy(), top)
    out = multithreshold(constant, lam / top, top)
    windows = spikes.reshape(timesteps, top, *spikes.shape[1:]).sum(1)
    np.testing.assert_allclose(out.numpy(), windows * lam.numpy() / top, **CLOSE)
    np.testing.assert_allclose(out.mean(0).numpy(), lam.numpy() * spikes.mean(0), **CLOSE)


@few
@given(steps, levels, seeds)
def test_a_single_threshold_neuron_fires_as_often_for_currents_that_change_below_the_ceiling(timesteps, top, seed):
    rng = np.random.default_rng(seed)
    lam = rng.uniform(0.3, 2.0)
    currents = rng.uniform(0, lam, (timesteps, 20))
    windows = reference.single_threshold(currents, lam, top).reshape(timesteps, top, -1).sum(1)
    out = multithreshold(torch.tensor(currents), torch.tensor(lam / top, dtype=torch.float64), top)
    np.testing.assert_allclose(out.numpy(), windows * lam / top, **CLOSE)


@few
@given(steps, levels, seeds, st.booleans())
def test_soft_reset_conserves_charge(timesteps, top, seed, per_channel):
    currents, theta = _draw(timesteps, seed, per_channel)
    _, last = reference.multithreshold(currents.numpy(), theta.numpy(), top)
    fired = multithreshold(currents, theta, top)
    left = theta / 2 + currents.sum(0) - fired.sum(0)  # v_T = v_0 + sum I - theta * sum s
    np.testing.assert_allclose(left.numpy(), last, **CLOSE)


@few
@given(steps, levels, seeds)
def test_what_fires_is_a_whole_level_from_0_to_l(timesteps, top, seed):
    currents, theta = _draw(timesteps, seed)
    fired = multithreshold(currents, theta, top) / theta
    torch.testing.assert_close(fired, fired.round(), **CLOSE)
    assert fired.min() >= 0
    assert fired.max() <= top + 1e-9


@few
@given(steps, levels, seeds, st.sampled_from(FIXED))
def test_members_of_a_batch_do_not_mix(timesteps, top, seed, coupling):
    currents, lam = _draw(timesteps, seed)
    site = MultiThreshold(lam, timesteps, top, coupling=coupling)
    together = site(currents.flatten(0, 1)).unflatten(0, (timesteps, -1))
    for member in range(currents.shape[1]):
        assert torch.equal(site(currents[:, member]), together[:, member])


@few
@given(steps, levels, seeds)
def test_a_causal_neuron_does_not_see_what_comes_later(timesteps, top, seed):
    currents, lam = _draw(timesteps, seed)
    changed = currents.clone()
    changed[-1] += 1.0
    site = MultiThreshold(lam, timesteps, top, coupling=Coupling.CAUSAL)
    before, after = (site(x.flatten(0, 1)).unflatten(0, (timesteps, -1)) for x in (currents, changed))
    assert torch.equal(before[:-1], after[:-1])


@pytest.mark.parametrize("coupling", FIXED)
def test_coupling_is_its_matrix(coupling):
    currents, _ = _draw(5, 0)
    omega = coupling.matrix(5).double()
    # the matrix is float32: its 1/5 is off by 1e-9
    torch.testing.assert_close(
        couple(currents, coupling), torch.einsum("tj,jbc->tbc", omega, currents), rtol=0, atol=1e-7
    )
    torch.testing.assert_close(omega.sum(1), torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-7)


def test_it_fires_at_the_threshold_and_not_below():
    currents = torch.tensor([[1.0, np.nextafter(1.0, 0)]], dtype=torch.float64)
    theta = torch.tensor(1.0, dtype=torch.float64)
    assert multithreshold(currents, theta, 3, initial=0.0).tolist() == [[1.0, 0.0]]


def test_levels_that_are_no_positive_integer_are_refused():
    with pytest.raises(InvalidValueError, match="levels"):
        multithreshold(torch.zeros(1, 1), torch.tensor(1.0), 0)
