"""What M-HT and LM-HT have of their own; their laws are in test_neuron_laws.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import multithreshold as reference

from snnconv.errors import InvalidValueError
from snnconv.neurons import (
    Coupling,
    LearnableMultiThreshold,
    MultiThreshold,
    couple,
    coupling_matrix,
    leak_factor,
    multithreshold,
)

few = settings(max_examples=25, deadline=None)
steps = st.integers(1, 6)
seeds = st.integers(0, 2**31)
# rounding in another order: a few units in the last place of float64
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def _draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(0.5, 1.0, shape))


@few
@given(steps, st.integers(1, 5), seeds, st.sampled_from([0.0, 0.25, 0.5]), st.sampled_from([None, 0.5, 1.0, 1.4]))
def test_it_is_the_loop_from_any_start_and_with_any_leak(timesteps, top, seed, initial, leak):
    currents, theta = _draw(timesteps, 3, 4, seed=seed), _draw(4, seed=seed + 1).abs() + 0.1
    did = reference.trace(currents.numpy(), theta.numpy(), top, initial, 1.0 if leak is None else leak)
    factor = None if leak is None else torch.tensor(leak, dtype=torch.float64)
    found = multithreshold(currents, theta, top, initial=initial, leak=factor)
    np.testing.assert_allclose(found.numpy(), did.s * theta.numpy(), **CLOSE)


@few
@given(st.integers(1, 6), seeds)
def test_a_matrix_couples_as_the_sum_over_steps(timesteps, seed):
    currents, omega = _draw(timesteps, 2, 3, 4, 5, seed=seed), _draw(timesteps, timesteps, seed=seed + 1)
    expected = reference.couple(currents.numpy(), omega.numpy())
    np.testing.assert_allclose(couple(currents, omega).numpy(), expected, **CLOSE)
    channels_last = currents.movedim(2, -1).contiguous().movedim(-1, 2)
    np.testing.assert_allclose(couple(channels_last, omega).numpy(), expected, **CLOSE)


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
def test_coupling_is_its_matrix(coupling):
    currents, omega = _draw(5, 3, 4, seed=0), coupling.matrix(5).double()
    # the matrix is float32: its 1/5 is off by 1e-9
    torch.testing.assert_close(
        couple(currents, coupling), torch.einsum("tj,jbc->tbc", omega, currents), rtol=0, atol=1e-7
    )
    torch.testing.assert_close(omega.sum(1), torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-7)


def test_a_learned_coupling_has_no_matrix_but_its_own():
    with pytest.raises(InvalidValueError, match="parameter of each"):
        Coupling.LEARNED.matrix(4)
    with pytest.raises(InvalidValueError, match="give ω itself"):
        couple(torch.zeros(2, 1), Coupling.LEARNED)


@few
@given(seeds)
def test_under_mean_coupling_the_order_of_the_steps_does_not_matter(seed):
    currents = _draw(4, 30, seed=seed)
    site = MultiThreshold(torch.tensor(1.0, dtype=torch.float64), 4, 2)
    torch.testing.assert_close(site(currents.flip(0)), site(currents), **CLOSE)


@few
@given(st.integers(1, 6), seeds)
def test_parameters_give_the_coupling_and_the_leak(timesteps, seed):
    a = _draw(timesteps, timesteps, seed=seed) * 3
    np.testing.assert_allclose(coupling_matrix(a).numpy(), reference.coupling_matrix(a.numpy()), rtol=1e-12)
    assert leak_factor(a[0, 0]).item() == pytest.approx(reference.leak_factor(a[0, 0].item()), rel=1e-12)


def test_lmht_starts_with_mean_coupling_and_without_a_leak():
    site = LearnableMultiThreshold(torch.tensor(1.0), 4, 2)
    assert torch.equal(coupling_matrix(site.mixing), torch.full((4, 4), 0.25))
    assert leak_factor(site.leakage).item() == 1.0
    assert {name for name, _ in site.named_parameters()} == {"ceiling", "mixing", "leakage"}


def test_parameters_reach_their_limits_and_no_further():
    ends = torch.tensor([[-1e4, 1e4], [0.0, 1e4]])
    assert coupling_matrix(ends).tolist() == [[0.0, 1.0], [0.5, 1.0]]
    assert leak_factor(torch.tensor(-1e4)).item() == 0.5
    assert leak_factor(torch.tensor(1e4)).item() == 1.5


def test_it_fires_at_the_threshold_and_not_below():
    currents = torch.tensor([[1.0, np.nextafter(1.0, 0)]], dtype=torch.float64)
    theta = torch.tensor(1.0, dtype=torch.float64)
    assert multithreshold(currents, theta, 3, initial=0.0).tolist() == [[1.0, 0.0]]


def test_its_gradient_window_has_both_its_edges():
    """From theta/2 to (L + 1/2)*theta."""
    x = torch.tensor([[0.49, 0.5, 1.7, 2.5, 2.51]], dtype=torch.float64, requires_grad=True)
    theta = torch.tensor(1.0, dtype=torch.float64)
    multithreshold(x, theta, 2, initial=0.0).sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0, 1.0, 1.0, 0.0]]


def test_no_gradient_goes_through_the_potential_to_earlier_steps():
    x = torch.tensor([[0.3], [0.4]], dtype=torch.float64, requires_grad=True)
    out = multithreshold(x, torch.tensor(1.0, dtype=torch.float64), 1)
    out[1].sum().backward()
    assert x.grad.tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize("levels", [0, -1, 2.0, True])
def test_levels_that_are_no_positive_integer_are_refused(levels):
    with pytest.raises(InvalidValueError, match="levels"):
        multithreshold(torch.zeros(1, 1), torch.tensor(1.0), levels)


@few
@given(steps, st.integers(1, 5), seeds, st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 1.5]))
def test_one_current_for_all_steps_is_the_loop(timesteps, top, seed, signed, initial):
    current, theta = 2 * _draw(3, 4, seed=seed), _draw(4, seed=seed + 1).abs() + 0.1
    expanded = current.expand(timesteps, 3, 4)
    found = multithreshold(expanded, theta, top, initial=initial, signed=signed)
    wanted = multithreshold(
        expanded.clone(memory_format=torch.contiguous_format), theta, top, initial=initial, signed=signed
    )
    torch.testing.assert_close(found, wanted, **CLOSE)
