from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import threshold_norm as reference
from torch import nn

from snnconv.errors import InvalidValueError
from snnconv.neurons import fold_time, scale_to_threshold
from snnconv.neurons.threshold_norm import threshold_batch_norm

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)
scales = st.floats(0.05, 5)


def _draw(axes: int, seed: int) -> torch.Tensor:
    """Currents `[T, B, C, ...]`, each channel about its own mean."""
    rng = np.random.default_rng(seed)
    shape = (3, 4, 2, *(3,) * axes)
    offset = rng.normal(0, 3, (1, 1, 2, *(1,) * axes))
    return torch.tensor(rng.normal(0, 2, shape) + offset)


@few
@given(st.integers(0, 2), seeds, scales)
def test_the_function_is_the_loop_over_channels(axes, seed, threshold):
    x = _draw(axes, seed)
    expected = reference.threshold_batch_norm(x.numpy(), threshold, 1e-5)
    np.testing.assert_allclose(threshold_batch_norm(x, threshold).numpy(), expected, rtol=1e-10, atol=1e-10)


@few
@given(seeds, scales, st.sampled_from([1.0, 2**-0.5]))
def test_currents_are_left_with_a_deviation_of_the_threshold(seed, threshold, alpha):
    out = threshold_batch_norm(_draw(2, seed), threshold, alpha).movedim(2, 0).flatten(1)
    torch.testing.assert_close(out.mean(1), torch.zeros(2).double(), rtol=0, atol=1e-10)
    torch.testing.assert_close(
        out.std(1, correction=0), torch.full((2,), alpha * threshold).double(), rtol=1e-4, atol=0
    )


@few
@given(st.integers(0, 3), seeds, scales, st.sampled_from([1.0, 2**-0.5]))
def test_a_scaled_batch_norm_on_folded_time_is_the_function(axes, seed, threshold, alpha):
    kind = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[axes]
    network = nn.Sequential(nn.Identity(), kind(2)).double().train()
    x = _draw(axes, seed)
    assert scale_to_threshold(network, threshold, alpha) == 1
    expected = threshold_batch_norm(x, threshold, alpha)
    torch.testing.assert_close(network(fold_time(x)), fold_time(expected), rtol=1e-7, atol=1e-7)


def test_every_batch_norm_that_has_a_weight_is_scaled_once():
    shared = nn.BatchNorm2d(3)
    plain, other = nn.BatchNorm2d(3, affine=False), nn.GroupNorm(1, 3)
    network = nn.ModuleList([shared, nn.Sequential(shared, nn.BatchNorm1d(2)), plain, other])
    assert scale_to_threshold(network, 0.6, 0.5) == 2
    assert shared.weight.tolist() == pytest.approx([0.3] * 3)
    assert network[1][1].weight.tolist() == pytest.approx([0.3] * 2)
    assert torch.equal(shared.bias, torch.zeros(3))
    assert torch.equal(other.weight, torch.ones(3))
    assert plain.weight is None
    assert shared.weight.requires_grad
    assert shared.weight.is_leaf


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_batch_norm_that_was_trained_keeps_its_scale(name):
    trained = nn.BatchNorm2d(2)
    with torch.no_grad():
        getattr(trained, name)[1] += 0.25
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    assert scale_to_threshold(nn.Sequential(trained, nn.BatchNorm2d(2)), 0.5) == 1
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())


def test_a_network_without_batch_norms_is_left_as_it_is():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Linear(2, 2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert scale_to_threshold(network, 0.6) == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["threshold", "alpha"])
def test_scales_that_are_no_positive_numbers_are_refused(name, wrong):
    network = nn.BatchNorm1d(2)
    with pytest.raises(InvalidValueError, match=name):
        scale_to_threshold(network, **{"threshold": 1.0, "alpha": 1.0, name: wrong})
    assert network.weight.tolist() == [1.0, 1.0]
