from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import rectifier as reference

from snnconv.neurons import LIF, Coupling, LearnableMultiThreshold, MultiThreshold, fire, multithreshold, rectify
from snnconv.neurons.lif import lif

few = settings(max_examples=25, deadline=None)
levels = st.integers(1, 6)
seeds = st.integers(0, 2**31)
potentials = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)
FLOATS = [(torch.float32, np.float32), (torch.float64, np.float64)]


def _around(places: list[float], kind: type, reach: int = 20) -> torch.Tensor:
    """Every number of this precision within `reach` of its kind below and above each place, and the place itself."""
    found = []
    for place in places:
        for towards in (-np.inf, np.inf):
            value = kind(place)
            for _ in range(reach):
                value = np.nextafter(value, kind(towards))
                found.append(value)
        found.append(kind(place))
    return torch.tensor(np.sort(np.array(found, kind)))


@functools.cache
def _hostile(top: int, kind: type) -> torch.Tensor:
    """Potentials around every decision level and every edge of an interval, random ones, and very large ones."""
    random = np.random.default_rng(top).normal(top / 2, top, 300).astype(kind)
    huge = [1e3, 1e7, 1e20, 3e38, -1e3, -1e7, -1e20, -3e38, math.inf, -math.inf]
    near = _around([k / 2 for k in range(-2, 2 * top + 3)], kind)
    return torch.cat([near, torch.tensor(random), torch.tensor(huge, dtype=near.dtype)])


def _finite(u: torch.Tensor) -> torch.Tensor:
    """What can be summed over steps."""
    return u[u.abs() < 1e10]


@few
@given(potentials, levels, st.booleans())
def test_it_is_the_formula(values, top, signed):
    lowest = -top if signed else 0
    found = rectify(torch.tensor(values, dtype=torch.float64), top, lowest)
    expected = [reference.phi_of_levels(u, top, lowest) for u in values]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-12)


@few
@given(potentials)
def test_with_one_level_it_is_the_papers(values):
    found = rectify(torch.tensor(values, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), [reference.phi(u) for u in values], rtol=1e-12, atol=1e-12)


@few
@given(potentials, levels)
def test_it_is_monotone(values, top):
    assert (rectify(torch.tensor(sorted(values), dtype=torch.float64), top).diff() >= 0).all()


@pytest.mark.parametrize(("dtype", "kind"), FLOATS)
@pytest.mark.parametrize("top", range(1, 7))
def test_it_is_monotone_where_its_branches_meet(top, dtype, kind):
    u = _around([float(k) for k in range(top + 1)], kind)
    assert u.dtype == dtype
    assert (rectify(u, top).diff() >= 0).all()


@pytest.mark.parametrize("top", range(1, 7))
def test_decision_levels_and_whole_levels_stay_where_they_are(top):
    u = torch.arange(0, 2 * top + 1, dtype=torch.float64) / 2
    torch.testing.assert_close(rectify(u, top), u, rtol=0, atol=1e-15)
    middle = torch.arange(top, dtype=torch.float64) + 0.5
    assert torch.equal(rectify(middle, top), middle)


@few
@given(st.integers(1, 4), seeds)
def test_its_gradient_is_the_derivative(top, seed):
    rng = np.random.default_rng(seed)
    whole, within = rng.integers(-3, top + 3, 20), rng.uniform(0.01, 0.99, 20)  # away from where the branches meet
    u = torch.tensor(whole + within, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rectify(x, top), u)
    rectify(u, top).sum().backward()
    expected = [reference.slope_of_levels(each, top) for each in u.tolist()]
    np.testing.assert_allclose(u.grad.numpy(), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("dtype", "kind"), FLOATS)
@pytest.mark.parametrize("top", range(1, 7))
def test_its_gradient_is_finite_everywhere(top, dtype, kind):
    u = _hostile(top, kind).clone().requires_grad_()
    assert u.dtype == dtype
    rectify(u, top).sum().backward()
    assert u.grad.isfinite().all()
    assert (u.grad >= 0).all()


@pytest.mark.parametrize("top", [1, 2, 3])
def test_where_branches_meet_its_gradient_is_that_of_a_side(top):
    """A neuron that receives nothing is at 0 exactly: it must have a gradient."""
    u = torch.arange(top + 1, dtype=torch.float64, requires_grad=True)
    rectify(u, top).sum().backward()
    for place, found in enumerate(u.grad.tolist()):
        sides = [reference.slope_of_levels(place + step, top) for step in (-1e-9, 1e-9)]
        assert min(sides) - 1e-6 <= found <= max(sides) + 1e-6


@pytest.mark.parametrize(("dtype", "kind"), FLOATS)
@pytest.mark.parametrize("top", range(1, 7))
def test_no_spike_changes(top, dtype, kind):
    u = _hostile(top, kind)
    assert u.dtype == dtype
    assert fire(u, top).unique().numel() == top + 1
    assert torch.equal(fire(rectify(u, top), top), fire(u, top))


@pytest.mark.parametrize(("dtype", "kind"), FLOATS)
@pytest.mark.parametrize("initial", [0.0, 0.5])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("top", range(1, 7))
def test_no_spike_of_a_multithreshold_neuron_changes(top, signed, initial, dtype, kind):
    u = _finite(_hostile(top, kind))
    currents = torch.stack([u + (0.5 - initial), u.flip(0) / 3, -u.roll(7), u.roll(11)])
    for theta in (1.0, 0.7, 1.3e-3):
        threshold = torch.tensor(theta, dtype=dtype)
        fired = multithreshold(currents * threshold, threshold, top, initial=initial, signed=signed)
        assert fired.unique().numel() == (2 * top + 1 if signed else top + 1)
        rectified = multithreshold(currents * threshold, threshold, top, initial=initial, signed=signed, rectified=True)
        assert torch.equal(rectified, fired)


@pytest.mark.parametrize(("dtype", "kind"), FLOATS)
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("top", range(1, 7))
def test_no_spike_of_an_integrating_neuron_changes(top, reset, dtype, kind):
    u = _finite(_hostile(top, kind))
    currents = torch.stack([u, u.flip(0) / 3, -u.roll(7), u.roll(11)])
    for theta in (1.0, 0.7):
        for decay in (1.0, 0.25):
            threshold = torch.tensor(theta, dtype=dtype)
            fired = lif(currents * threshold, threshold, top, decay=decay, reset=reset)
            assert fired.unique().numel() == top + 1
            rectified = lif(currents * threshold, threshold, top, decay=decay, reset=reset, rectified=True)
            assert torch.equal(rectified, fired)


@pytest.mark.parametrize(
    "make",
    [
        lambda lam: MultiThreshold(lam, 4, 3, coupling=Coupling.MEAN, rectified=True),
        lambda lam: MultiThreshold(lam, 4, 3, coupling=Coupling.CAUSAL, rectified=True),
        lambda lam: LearnableMultiThreshold(lam, 4, 3, rectified=True),
        lambda lam: LearnableMultiThreshold(lam, 4, 3, initial=0.0, rectified=True),
        lambda lam: LIF(lam, 4, 3, rectified=True),
        lambda lam: LIF(lam, 4, 3, decay=0.25, reset="hard", rectified=True),
    ],
)
def test_layers_fire_in_training_as_in_inference(make):
    rng = np.random.default_rng(0)
    currents = torch.tensor(rng.normal(0.5, 1.0, (4 * 500, 8)), dtype=torch.float32)
    eighths = torch.tensor(rng.integers(-20, 40, (4 * 500, 8)) / 8, dtype=torch.float32)  # many are decision levels
    for x, lam in ((currents, torch.rand(8) + 0.5), (eighths, torch.tensor(3.0))):
        site = make(lam)
        trained, inferred = site.train()(x), site.eval()(x)
        assert torch.equal(trained, inferred)
        assert inferred.count_nonzero() > 100


def test_it_is_the_gradient_that_changes():
    x = torch.linspace(-1, 2, 50).reshape(1, 50)
    grads = []
    for rectified in (False, True):
        given = x.clone().requires_grad_()
        LIF(torch.tensor(1.0), 1, rectified=rectified)(given).sum().backward()
        grads.append(given.grad)
    assert not torch.equal(*grads)
