"""Neurons that are other neurons: each equality with the inputs for which it holds.

Where a test says "exactly", all numbers are multiples of powers of two within float64's digits: nothing is rounded, so
the equality holds on decision levels too. Elsewhere numbers are continuous and meet no decision level.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import leaky as leaky_reference
from reference import multithreshold as reference
from reference.single_threshold import single_threshold

from snnconv.neurons import (
    LIF,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    multilevel,
    multithreshold,
)
from snnconv.neurons.lif import lif
from snnconv.neurons.qcfs import qcfs

few = settings(max_examples=25, deadline=None)
steps = st.integers(1, 6)
levels = st.integers(1, 5)
seeds = st.integers(0, 2**31)
# rounding in another order: a few units in the last place of float64
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def _draw(timesteps: int, seed: int, per_channel: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Currents `[T, B, C]` below 0, within and above the ceilings, and ceilings `[]` or `[C]`."""
    rng = np.random.default_rng(seed)
    currents = torch.tensor(rng.normal(0.5, 1.0, (timesteps, 3, 4)))
    return currents, torch.tensor(rng.uniform(0.3, 2.0, 4 if per_channel else ()))


def _draw_exact(timesteps: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Currents `[T, B]` that are quarters of theta, and theta: many potentials are decision levels."""
    rng = np.random.default_rng(seed)
    theta = 2.0 ** rng.integers(-2, 3)
    return torch.tensor(rng.integers(-6, 12, (timesteps, 40)) * theta / 4), _double(theta)


def _double(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


# M-HT and QCFS


@few
@given(steps, levels, seeds, st.booleans(), st.booleans())
def test_time_mean_of_a_constant_current_is_qcfs(timesteps, top, seed, per_channel, signed):
    currents, lam = _draw(1, seed, per_channel)
    out = multithreshold(currents.expand(timesteps, -1, -1), lam / top, top, signed=signed)
    torch.testing.assert_close(out.mean(0), qcfs(currents[0], lam, top * timesteps, signed), **CLOSE)
    assert torch.equal(out.abs().sum(0), out.sum(0).abs())  # a window holds spikes of one sign


@few
@given(steps, levels, seeds, st.booleans(), st.booleans())
def test_time_mean_under_mean_coupling_is_qcfs_of_the_mean_current(timesteps, top, seed, per_channel, signed):
    currents, lam = _draw(timesteps, seed, per_channel)
    site = MultiThreshold(lam, timesteps, top, coupling=Coupling.MEAN, signed=signed)
    out = site(currents.flatten(0, 1)).unflatten(0, (timesteps, -1))
    torch.testing.assert_close(out.mean(0), qcfs(currents.mean(0), lam, top * timesteps, signed), **CLOSE)


@few
@given(st.sampled_from([1, 2, 4, 8]), levels, seeds, st.booleans())
def test_time_mean_is_qcfs_exactly(timesteps, top, seed, signed):
    currents, theta = _draw_exact(1, seed)
    out = multithreshold(currents.expand(timesteps, -1), theta, top, signed=signed)
    assert torch.equal(out.mean(0), qcfs(currents[0], theta * top, top * timesteps, signed))


# LM-HT and M-HT


@few
@given(steps, levels, seeds, st.booleans(), st.booleans())
def test_lmht_starts_as_mht_under_mean_coupling(timesteps, top, seed, per_channel, signed):
    currents, lam = _draw(timesteps, seed, per_channel)
    learnable = LearnableMultiThreshold(lam, timesteps, top, signed=signed).double()
    fixed = MultiThreshold(lam, timesteps, top, coupling=Coupling.MEAN, signed=signed)
    torch.testing.assert_close(learnable(currents.flatten(0, 1)), fixed(currents.flatten(0, 1)), **CLOSE)


@few
@given(st.sampled_from([1, 2, 4, 8]), levels, seeds)
def test_lmht_starts_as_mht_under_mean_coupling_exactly(timesteps, top, seed):
    currents, theta = _draw_exact(timesteps, seed)
    learnable = LearnableMultiThreshold(theta * top, timesteps, top).double()
    fixed = MultiThreshold(theta * top, timesteps, top, coupling=Coupling.MEAN)
    assert torch.equal(learnable(currents.flatten(0, 1)), fixed(currents.flatten(0, 1)))


# M-HT and LM-HT as neurons of one threshold
#
# A window's L sub-steps fire as often as the step fires levels, except where the potential begins the window (after the
# leak) at lam or above and the current is below 0, or begins below 0 and the current is above lam: the sub-steps then
# fire before the window's charge is all there, or too late. Neither can come to pass where
#   - no current that is received is below 0, whatever the leak: the potential stays at 0 or above;
#   - none is above lam and the leak is at most 1: the potential stays below lam;
#   - the current is the same in every window and the leak is 1.
# How unevenly the input arrives within a window does not matter: the coupling takes the mean of its sub-steps.


def _drive(regime: str, timesteps: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Currents `[T, units]` in units of lam that a regime allows to be received, and a leak that it allows."""
    currents = rng.normal(0.5, 1.5, (timesteps, 8))
    if regime == "at least 0":
        return np.abs(currents), rng.uniform(0.5, 1.5)
    within = rng.uniform(0, 1, currents.shape)
    if regime == "at most the ceiling":
        return np.where(currents < 1, currents, within), rng.uniform(0.5, 1.0)
    if regime == "within the range":
        return within, rng.uniform(0.5, 1.5)
    return np.repeat(currents[:1], timesteps, axis=0), 1.0


def _uneven(x: np.ndarray, top: int, rng: np.random.Generator) -> np.ndarray:
    """Sub-steps `[L*T, ...]` whose mean in each window is `x`."""
    scatter = rng.normal(0, 1, (len(x), top, *x.shape[1:]))
    return (x[:, None] + scatter - scatter.mean(1, keepdims=True)).reshape(-1, *x.shape[1:])


def _learnable(lam: float, omega: np.ndarray, leak: float, top: int, initial: float) -> LearnableMultiThreshold:
    """LM-HT of a given coupling and leak: A and a by the inverse of omega = 2*sigmoid(A)/T, leak = sigmoid(a) + 1/2."""
    timesteps = len(omega)
    site = LearnableMultiThreshold(_double(lam), timesteps, top, initial=initial).double()
    site.mixing.data = torch.tensor(omega * timesteps / 2).logit()
    site.leakage.data = _double(leak - 0.5).logit()
    return site


@pytest.mark.parametrize("regime", ["at least 0", "at most the ceiling", "within the range", "constant"])
@few
@given(st.integers(1, 4), st.integers(1, 4), seeds, st.sampled_from([0.0, 0.5]))
def test_lmht_is_a_neuron_of_one_threshold(regime, timesteps, top, seed, initial):
    rng = np.random.default_rng(seed)
    lam = rng.uniform(0.3, 2.0)
    received, leak = _drive(regime, timesteps, rng)
    omega = rng.uniform(0.05, 0.95, (timesteps, timesteps)) * 2 / timesteps
    omega += np.eye(timesteps) * (1.9 / timesteps - omega.diagonal())  # such that it can be inverted
    x = np.linalg.solve(omega, received * lam)
    spikes, _ = single_threshold(_uneven(x, top, rng), lam, top, omega, leak=leak, initial=initial)
    out = _learnable(lam, omega, leak, top, initial)(torch.tensor(x)).detach().numpy()
    # omega is inverted and applied again: rounding is amplified by its condition
    np.testing.assert_allclose(out, spikes.reshape(timesteps, top, -1).sum(1) * lam / top, rtol=1e-9, atol=1e-9)


@few
@given(steps, levels, seeds)
def test_mht_of_one_current_is_a_neuron_of_one_threshold_whose_rate_is_the_mean(timesteps, top, seed):
    currents, lam = _draw(1, seed)
    constant = currents.expand(timesteps, -1, -1)
    repeated = np.repeat(constant.numpy(), top, axis=0)
    spikes, _ = single_threshold(repeated, lam.numpy(), top, np.eye(timesteps))
    out = multithreshold(constant, lam / top, top)
    np.testing.assert_allclose(out.numpy(), spikes.reshape(timesteps, top, 3, 4).sum(1) * lam.numpy() / top, **CLOSE)
    np.testing.assert_allclose(out.mean(0).numpy(), lam.numpy() * spikes.mean(0), **CLOSE)


@few
@given(st.integers(1, 5), levels, seeds, st.floats(0.5, 1.5))
def test_one_threshold_fires_as_often_until_charge_is_left_on_the_wrong_side(timesteps, top, seed, leak):
    """The condition itself: whatever the currents are, windows are equal up to the first that meets it."""
    rng = np.random.default_rng(seed)
    lam = rng.uniform(0.3, 2.0)
    x = rng.normal(0.5, 1.5, (timesteps, 30)) * lam
    spikes, begins = single_threshold(np.repeat(x, top, axis=0), lam, top, np.eye(timesteps), leak=leak)
    levels_fired = reference.trace(x, np.array(lam / top), top, leak=leak).s
    out = multithreshold(torch.tensor(x), _double(lam / top), top, leak=_double(leak))
    np.testing.assert_allclose(out.numpy(), levels_fired * lam / top, **CLOSE)
    wrong = ((begins >= lam) & (x < 0)) | ((begins < 0) & (x > lam))
    before = np.cumsum(wrong, axis=0) == 0
    assert before[0].any()
    counted = spikes.reshape(timesteps, top, -1).sum(1)
    np.testing.assert_array_equal(counted[before], levels_fired[before])


@pytest.mark.parametrize(
    ("currents", "leak", "fired_levels", "spikes"),
    [
        ([-1.75, 2.5], 1.0, [0, 2], [0, 1]),
        ([2.5, -1.75], 1.0, [2, 0], [2, 1]),
        ([0.12, -0.3], 1.5, [0, 0], [0, 1]),  # the leak lifts what is left above lam
    ],
)
def test_where_one_threshold_fires_otherwise(currents, leak, fired_levels, spikes):
    """lam = 1, L = 2: what is left of the first window is on one side of 0..lam, the second current on the other."""
    x = np.array(currents)[:, None]
    found, _ = single_threshold(np.repeat(x, 2, axis=0), np.array(1.0), 2, np.eye(len(x)), leak=leak)
    out = multithreshold(torch.tensor(x), _double(0.5), 2, leak=_double(leak))
    assert (out.flatten() * 2).tolist() == fired_levels
    assert found.reshape(len(x), 2).sum(1).tolist() == spikes


# IF, LIF and MLF


@few
@given(st.integers(1, 6), levels, seeds)
def test_soft_if_is_causal_mht_away_from_decision_levels_exactly(timesteps, top, seed):
    """Currents are 1/1024 above sixteenths of theta, so after t steps no potential is nearer to a level than t/1024."""
    rng = np.random.default_rng(seed)
    theta = 2.0 ** rng.integers(-2, 3)
    x = torch.tensor((rng.integers(-20, 60, (timesteps, 50)) / 16 + 1 / 1024) * theta)
    lam = _double(theta * top)
    found = LIF(lam, timesteps, top)(x.flatten(0, 1))
    assert torch.equal(found, MultiThreshold(lam, timesteps, top, coupling=Coupling.CAUSAL)(x.flatten(0, 1)))


def test_on_a_decision_level_mht_fires_and_if_does_not():
    x, theta = torch.tensor([[0.5, 1.5, 2.5]]), torch.tensor(1.0)
    assert multithreshold(x, theta, 2).tolist() == [[1.0, 2.0, 2.0]]
    assert lif(x, theta, 2).tolist() == [[0.0, 1.0, 2.0]]


@few
@given(steps, seeds, st.sampled_from([1.0, 0.5, 0.25, 0.0]), st.sampled_from(["soft", "hard"]), st.booleans())
def test_one_level_is_the_neuron_of_guo(timesteps, seed, decay, reset, rectified):
    x, theta = _draw(timesteps, seed, per_channel=True)
    found = lif(x * theta, theta, decay=decay, reset=reset, rectified=rectified)
    expected = leaky_reference.unit_spikes(x.numpy(), decay, reset) * theta.numpy()
    np.testing.assert_allclose(found.numpy(), expected, **CLOSE)


@few
@given(steps, seeds, st.floats(0, 1))
def test_one_membrane_decided_at_a_half_is_hard_lif(timesteps, seed, decay):
    x, lam = _draw(timesteps, seed, per_channel=True)
    of_mlf = MultiLevel(lam, timesteps, 1, decay=decay, first=0.5)
    of_lif = LIF(lam, timesteps, 1, decay=decay, reset="hard")
    assert torch.equal(of_mlf(x.flatten(0, 1)), of_lif(x.flatten(0, 1)))


@few
@given(steps, levels, seeds)
def test_without_memory_membranes_are_levels(timesteps, top, seed):
    x, theta = _draw(timesteps, seed)
    found = multilevel(x, theta, top, decay=0.0, first=0.5)
    for reset in ("soft", "hard"):
        assert torch.equal(found, lif(x, theta, top, decay=0.0, reset=reset))


@few
@given(steps, seeds, st.integers(1, 3), st.floats(0, 1))
def test_each_membrane_is_a_neuron_of_its_own(timesteps, seed, membranes, decay):
    x, theta = _draw(timesteps, seed)
    alone = [multilevel(x, theta, 1, decay=decay, first=0.6 + k) for k in range(membranes)]
    torch.testing.assert_close(multilevel(x, theta, membranes, decay=decay), torch.stack(alone).sum(0), **CLOSE)
