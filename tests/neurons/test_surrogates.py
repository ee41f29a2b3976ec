from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.surrogate import STEPS

from snnconv.errors import InvalidValueError
from snnconv.neurons import SURROGATES, Surrogate, fire, parse_surrogate, spike
from snnconv.neurons.surrogate import Arctan, Rectangular, Sigmoid, Tanh, Triangular

few = settings(max_examples=25, deadline=None)
kinds = st.sampled_from(sorted(SURROGATES))
shapes = st.floats(0.1, 10)
levels = st.integers(1, 6)
seeds = st.integers(0, 2**31)
FLOATS = [(torch.float32, np.float32), (torch.float64, np.float64)]


def _kinks(surrogate: Surrogate) -> list[float]:
    """Where the slope has no derivative, or jumps."""
    if isinstance(surrogate, Rectangular):
        return [-surrogate.shape / 2, surrogate.shape / 2]
    if isinstance(surrogate, Triangular):
        return [-surrogate.shape, 0.0, surrogate.shape]
    return [-0.5, 0.5] if isinstance(surrogate, Tanh) else []


def _away_from_kinks(surrogate: Surrogate, seed: int) -> torch.Tensor:
    d = torch.tensor(np.random.default_rng(seed).normal(0, 1.5, 300))
    for kink in _kinks(surrogate):
        d = d[(d - kink).abs() > 1e-6]
    return d


@few
@given(kinds, shapes, seeds)
def test_the_smooth_step_is_the_stated_one(kind, shape, seed):
    surrogate = SURROGATES[kind](shape)
    d = _away_from_kinks(surrogate, seed)
    expected = [STEPS[kind](each, shape) for each in d.tolist()]
    np.testing.assert_allclose(surrogate.smooth(d).numpy(), expected, rtol=1e-12, atol=1e-12)


@few
@given(kinds, shapes, seeds)
def test_the_slope_is_the_derivative_of_the_smooth_step(kind, shape, seed):
    surrogate = SURROGATES[kind](shape)
    d = _away_from_kinks(surrogate, seed).requires_grad_()
    (expected,) = torch.autograd.grad(surrogate.smooth(d).sum(), d)
    assert expected.count_nonzero() > 0
    torch.testing.assert_close(surrogate.slope(d.detach()), expected, rtol=1e-9, atol=1e-12)


@few
@given(kinds, shapes)
def test_the_smooth_step_rises_from_0_to_1(kind, shape):
    surrogate = SURROGATES[kind](shape)
    d = torch.linspace(-1e7, 1e7, 1001, dtype=torch.float64)
    d = torch.cat([d, torch.linspace(-20, 20, 4001, dtype=torch.float64)]).sort().values
    step = surrogate.smooth(d)
    assert (step.diff() >= 0).all()
    assert step[0] == pytest.approx(0, abs=1e-6)
    assert step[-1] == pytest.approx(1, abs=1e-6)
    assert surrogate.smooth(torch.zeros((), dtype=torch.float64)) == pytest.approx(0.5, abs=1e-15)


@few
@given(kinds, shapes)
def test_the_slope_integrates_to_1_and_is_even(kind, shape):
    surrogate = SURROGATES[kind](shape)
    # d = sinh(x), for the long tail of the arctan; between the kinks, Gauss's points
    edges = np.sort(np.append(np.arange(-18.0, 19.0), np.arcsinh(_kinks(surrogate))))
    points, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (1 + points)
    slope = surrogate.slope(torch.tensor(np.sinh(x)))
    assert (slope >= 0).all()
    torch.testing.assert_close(slope, surrogate.slope(torch.tensor(-np.sinh(x))), rtol=1e-9, atol=1e-13)
    assert float((slope.numpy() * np.cosh(x) * half * weights).sum()) == pytest.approx(1, abs=1e-6)


def test_rectangular_windows_of_width_1_tile_the_axis():
    """One gradient everywhere from 0 up to L, also where two windows meet: each has its lower edge, not its upper."""
    u = torch.arange(0.0, 3.25, 0.25, requires_grad=True)
    fire(u, 3).sum().backward()
    assert u.grad.tolist() == [1.0] * 12 + [0.0]


def test_the_rectangular_of_one_level_is_the_gradient_of_clamp():
    u = torch.tensor([-0.1, 0.0, 0.3, 0.9, 1.1], requires_grad=True)
    fire(u).sum().backward()
    assert u.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def _counted(u: torch.Tensor, top: int) -> torch.Tensor:
    """How many levels begin below a potential."""
    begins = torch.arange(1, top + 1, dtype=u.dtype) - 0.5
    return (u[..., None] > begins).sum(-1).to(u.dtype)


@few
@given(levels, seeds)
def test_what_fires_is_the_number_of_levels_that_began(top, seed):
    u = torch.tensor(np.random.default_rng(seed).normal(top / 2, top, 500))
    assert torch.equal(fire(u, top), _counted(u, top))


@pytest.mark.parametrize(("dtype", "kind"), FLOATS)
@pytest.mark.parametrize("top", range(1, 7))
def test_what_fires_next_to_a_decision_level(top, dtype, kind):
    begins = (np.arange(-1, top + 2) + 0.5).astype(kind)
    u = torch.tensor(np.concatenate([begins, np.nextafter(begins, kind(-99)), np.nextafter(begins, kind(99))]))
    assert u.dtype == dtype
    assert torch.equal(fire(u, top), _counted(u, top))


def test_nothing_fires_at_minus_zero():
    assert math.copysign(1, fire(torch.tensor([-0.3])).item()) == 1
    assert fire(torch.tensor([math.inf, -math.inf]), 3).tolist() == [3.0, 0.0]


@few
@given(kinds, shapes, levels, seeds)
def test_the_gradient_of_levels_is_the_sum_of_their_slopes(kind, shape, top, seed):
    surrogate = SURROGATES[kind](shape)
    rng = np.random.default_rng(seed)
    u, upstream = torch.tensor(rng.normal(top / 2, top, 100), requires_grad=True), torch.tensor(rng.normal(size=100))
    fire(u, top, surrogate).backward(upstream)
    slopes = torch.stack([surrogate.slope(u.detach() - (k - 0.5)) for k in range(1, top + 1)])
    torch.testing.assert_close(u.grad, upstream * slopes.sum(0), rtol=1e-12, atol=1e-12)


@few
@given(kinds, shapes, seeds)
def test_a_spike_is_strictly_above_and_its_gradient_the_slope(kind, shape, seed):
    surrogate = SURROGATES[kind](shape)
    rng = np.random.default_rng(seed)
    d = torch.tensor(np.append(rng.normal(0, 1, 100), 0.0), requires_grad=True)
    upstream = torch.tensor(rng.normal(size=101))
    fired = spike(d, surrogate)
    assert torch.equal(fired, (d > 0).double())
    fired.backward(upstream)
    torch.testing.assert_close(d.grad, upstream * surrogate.slope(d.detach()), rtol=1e-12, atol=0)


def test_the_gradient_is_rectangular_of_width_1_where_nothing_is_said():
    for function, shift in ((spike, 0.0), (fire, 0.5)):
        d = torch.linspace(-1, 1, 41, dtype=torch.float64, requires_grad=True)
        function(d + shift).sum().backward()
        assert torch.equal(d.grad, Rectangular(1.0).slope(d.detach() + shift - shift))


@given(kinds, st.floats(1e-30, 1e30))
@settings(max_examples=100, deadline=None)
def test_a_surrogate_is_read_as_it_is_written(kind, shape):
    surrogate = SURROGATES[kind](shape)
    assert parse_surrogate(str(surrogate)) == surrogate


def test_names_and_defaults():
    assert parse_surrogate("rectangular") == Rectangular(1.0)
    assert parse_surrogate("triangular") == Triangular(1.0)
    assert parse_surrogate("tanh") == Tanh(3.0)
    assert parse_surrogate("arctan") == Arctan(2.0)
    assert parse_surrogate("sigmoid") == Sigmoid(4.0)
    assert parse_surrogate("tanh:2.5") == Tanh(2.5)
    assert parse_surrogate(Tanh(7.0)) == Tanh(7.0)
    assert (str(Tanh(3.0)), str(Rectangular(0.5))) == ("tanh:3", "rectangular:0.5")


@pytest.mark.parametrize("text", ["", "step", "Tanh", "tanh2", " tanh", ":3"])
def test_unknown_names_are_refused(text):
    with pytest.raises(InvalidValueError, match="one of rectangular, triangular, tanh, arctan, sigmoid"):
        parse_surrogate(text)


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "nan", "inf", "3:4", "1,5"])
@pytest.mark.parametrize("kind", sorted(SURROGATES))
def test_numbers_that_are_none_above_0_are_refused(kind, number):
    with pytest.raises(InvalidValueError, match="a number above 0"):
        parse_surrogate(f"{kind}:{number}")


@pytest.mark.parametrize("shape", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", sorted(SURROGATES))
def test_shapes_that_are_none_above_0_are_refused(kind, shape):
    with pytest.raises(InvalidValueError, match=f"surrogate {kind}"):
        SURROGATES[kind](shape)
