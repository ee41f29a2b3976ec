from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import qcfs as reference
from torch import nn

from snnconv.errors import InvalidValueError
from snnconv.neurons import QCFS
from snnconv.neurons.qcfs import qcfs

few = settings(max_examples=25, deadline=None)
shapes = st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple)
levels = st.integers(1, 16)
seeds = st.integers(0, 2**31)
# rounding in another order: a few units in the last place of float64
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def _draw(shape: tuple[int, ...], seed: int, per_channel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pre-activations below, inside and above the window, and ceilings that broadcast over them."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0.5, 1.5, shape)
    if not per_channel:
        return z, np.array(rng.uniform(0.2, 3.0))
    return z, rng.uniform(0.2, 3.0, (shape[1], *(1 for _ in shape[2:])))


@few
@given(shapes, levels, seeds, st.booleans(), st.booleans())
def test_forward_is_the_formula(shape, total, seed, per_channel, signed):
    z, lam = _draw(shape, seed, per_channel)
    found = qcfs(torch.tensor(z), torch.tensor(lam), total, signed)
    np.testing.assert_allclose(found.numpy(), reference.qcfs(z, lam, total, signed), **CLOSE)


@few
@given(shapes, levels, seeds, st.booleans(), st.booleans())
def test_gradients_are_the_stated_ones(shape, total, seed, per_channel, signed):
    z, lam = _draw(shape, seed, per_channel)
    upstream = np.random.default_rng(seed + 1).normal(size=shape)
    z_, lam_ = torch.tensor(z, requires_grad=True), torch.tensor(lam, requires_grad=True)
    qcfs(z_, lam_, total, signed).backward(torch.tensor(upstream))
    to_z, to_lam = reference.gradients(z, lam, total, signed)
    np.testing.assert_array_equal(z_.grad.numpy(), upstream * to_z)
    axes = tuple(range(len(shape))) if not per_channel else (0, *range(2, len(shape)))
    expected = (upstream * to_lam).sum(axis=axes).reshape(lam.shape)
    np.testing.assert_allclose(lam_.grad.numpy(), expected, **CLOSE)


def test_values_at_the_edges_of_the_window():
    lam, total = 1.0, 4
    z = torch.tensor([-0.125, -0.12, 0.875, 0.87, 5.0, -5.0], dtype=torch.float64, requires_grad=True)
    out = qcfs(z, torch.tensor(lam, dtype=torch.float64), total)
    assert out.tolist() == [0.0, 0.0, 1.0, 0.75, 1.0, 0.0]
    out.sum().backward()
    assert z.grad.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]


def test_values_at_the_edges_of_the_signed_window():
    lam, total = 1.0, 4
    z = torch.tensor([-1.125, -1.12, -0.88, -0.87, 0.875, 5.0, -5.0], dtype=torch.float64, requires_grad=True)
    ceiling = torch.tensor(lam, dtype=torch.float64, requires_grad=True)
    out = qcfs(z, ceiling, total, signed=True)
    assert out.tolist() == [-1.0, -1.0, -1.0, -0.75, 1.0, 1.0, -1.0]
    out.sum().backward()
    assert z.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert ceiling.grad.item() == pytest.approx(-1 + 0.12 - 0.12 + 0.12 + 1 + 1 - 1)


@few
@given(levels, seeds)
def test_signed_it_is_odd_away_from_the_edges_of_levels(total, seed):
    z, lam = _draw((4, 30), seed, False)
    one, other = (qcfs(torch.tensor(side * z), torch.tensor(lam), total, signed=True) for side in (1, -1))
    torch.testing.assert_close(one, -other, **CLOSE)
    unsigned = qcfs(torch.tensor(z), torch.tensor(lam), total)
    assert torch.equal(one.clamp(min=0), unsigned)


@few
@given(levels, seeds)
def test_values_are_few_rising_and_within_the_ceiling(total, seed):
    z = torch.tensor(np.sort(np.random.default_rng(seed).normal(0.5, 2, 500)))
    lam = torch.tensor(1.7, dtype=torch.float64)
    a = qcfs(z, lam, total)
    assert (a.diff() >= 0).all()
    assert a.min() >= 0
    assert a.max() <= lam * (1 + 1e-12)
    assert a.unique().numel() <= total + 1


@few
@given(levels, seeds, st.floats(0.01, 100))
def test_it_scales_with_its_ceiling(total, seed, factor):
    z = torch.tensor(np.random.default_rng(seed).normal(0.5, 1, 50))
    lam = torch.tensor(1.3, dtype=torch.float64)
    scaled = qcfs(z * factor, lam * factor, total)
    torch.testing.assert_close(scaled, qcfs(z, lam, total) * factor, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("axis", "shape"), [(1, (2, 3, 4, 5)), (3, (2, 4, 5, 3)), (1, (2, 3)), (2, (2, 4, 3))])
def test_the_module_lays_its_ceilings_along_the_channels(axis, shape):
    ceilings = torch.tensor([0.5, 1.0, 2.0])
    out = QCFS(ceilings, 4, channel_axis=axis)(torch.full(shape, 10.0))
    assert torch.equal(out.movedim(axis, -1), ceilings.expand(*out.movedim(axis, -1).shape))


def test_the_modules_ceiling_is_trained():
    site = QCFS(torch.tensor(1.0), 4)
    site(torch.tensor([2.0, 3.0, 0.5])).sum().backward()
    assert isinstance(site.ceiling, nn.Parameter)
    assert site.ceiling.grad.item() == 2.0  # two values above; 0.5 is a level itself


@pytest.mark.parametrize("total", [0, -1, 2.0, True])
def test_levels_that_are_no_positive_integer_are_refused(total):
    with pytest.raises(InvalidValueError, match="total_levels"):
        qcfs(torch.zeros(1), torch.tensor(1.0), total)


@pytest.mark.parametrize("ceiling", [0.0, -1.0, float("nan"), float("inf")])
def test_ceilings_that_are_no_positive_numbers_are_refused(ceiling):
    with pytest.raises(InvalidValueError, match="ceiling"):
        QCFS(torch.tensor(ceiling), 4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_quantized_in_single_precision(dtype):
    """Many small gradients: sums in half precision lose a part of the ceiling's."""
    z = (2 * torch.rand(200_000, generator=torch.Generator().manual_seed(0)) - 0.3).to(dtype)
    site, exact = QCFS(torch.tensor(1.3), 8), QCFS(torch.tensor(1.3, dtype=torch.float64), 8)
    out, wanted = site(z), exact(z.double())
    assert out.dtype == dtype
    torch.testing.assert_close(out, wanted.to(dtype), rtol=0, atol=0)
    out.sum(dtype=torch.float32).backward()
    wanted.sum().backward()
    assert site.ceiling.grad.item() == pytest.approx(exact.ceiling.grad.item(), rel=1e-3)
