"""The three counts of spikes, beside counts one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import spike_counts as reference

from snnconv.neurons import (
    QCFS,
    BipolarMultiThreshold,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    SigmaDelta,
    capabilities_of,
)
from snnconv.neurons.spike_counts import SpikeCount, SpikeCounts, binary_ones, count_levels

ONE = torch.tensor(1.0, dtype=torch.float64)
few = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 6)


def drawn(seed, shape, low, high):
    return np.random.default_rng(seed).integers(low, high + 1, shape)


def counted(site, output):
    """What the form of a layer's kind counts in its output, `[3, B, ...]`."""
    form = capabilities_of(site).spikes
    counts = form.count(site, output, site.timesteps)
    assert counts.unary.max() <= form.most(site)
    return np.stack([count.numpy() for count in counts]).astype(int)


def test_the_names_of_the_counts_are_the_fields():
    assert tuple(SpikeCount) == SpikeCounts._fields == ("unary", "power_of_two", "graded")
    assert [count.label for count in SpikeCount] == ["unary", "power-of-two", "graded"]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 7, 8, 255, 256, 5000])
def test_ones_among_binary_digits(most):
    levels = torch.arange(most + 1)
    assert binary_ones(levels, most).tolist() == [bin(level).count("1") for level in range(most + 1)]


@few
@given(seeds, sizes, st.sampled_from([1, 2, 3, 5, 16, 100, 300]))
def test_levels_step_by_step(seed, timesteps, most):
    levels = drawn(seed, (timesteps, 3, 4), 0, most)
    counts = count_levels(torch.tensor(levels, dtype=torch.float64), most)
    assert np.array_equal(np.stack([count.numpy() for count in counts]), reference.of_levels(levels))


@few
@given(seeds, sizes, sizes, st.booleans())
def test_neurons_that_emit_levels(seed, timesteps, levels, signed):
    fired = drawn(seed, (timesteps, 2, 3), -levels if signed else 0, levels)
    ceiling = torch.tensor([0.3, 1.7, 2.0], dtype=torch.float64)
    emitted = (torch.tensor(fired) * (ceiling / levels)).flatten(0, 1)
    kinds = [
        MultiThreshold(ceiling, timesteps, levels, coupling=Coupling.CAUSAL, signed=signed),
        LearnableMultiThreshold(ceiling, timesteps, levels, signed=signed),
        *([] if signed else [MultiLevel(ceiling, timesteps, levels)]),
    ]
    for site in kinds:
        assert np.array_equal(counted(site, emitted.detach()), reference.of_levels(fired))


@few
@given(seeds, sizes, sizes, st.booleans())
def test_a_collapsed_site_counts_what_its_neurons_fire_at_each_step(seed, timesteps, levels, signed):
    """The levels of a mean-coupled window are spread evenly, which their sum tells."""
    z = torch.tensor(np.random.default_rng(seed).uniform(-1.5, 1.5, (40, 1)))
    neurons = MultiThreshold(ONE, timesteps, levels, signed=signed, coupling=Coupling.MEAN)
    quantized = QCFS(ONE, timesteps * levels, signed=signed)
    fired = (neurons(z.repeat(timesteps, 1)).detach() * levels).round().unflatten(0, (timesteps, -1))
    counts = capabilities_of(quantized).spikes.count(quantized, quantized(z).detach(), timesteps)
    expected = reference.of_levels(fired.numpy())
    assert expected.any()
    assert np.array_equal(np.stack([count.numpy() for count in counts]), expected)


@few
@given(seeds, sizes, st.integers(1, 9), st.sampled_from([0.0, 0.5]))
def test_messages_of_sigma_delta_neurons(seed, timesteps, octaves, initial):
    initial = initial if octaves > 1 else 0.0
    random = np.random.default_rng(seed)
    exponents = [
        [[None if random.random() < 0.4 else int(random.integers(octaves)) for _ in range(3)] for _ in range(2)]
        for _ in range(timesteps)
    ]
    signs = random.choice([-1, 1], (timesteps, 2, 3))
    sizes_of = np.array([[[0.0 if k is None else 2.0**-k for k in row] for row in step] for step in exponents])
    theta = torch.tensor([0.3, 1.7, 2.0], dtype=torch.float64)
    told = (torch.tensor(initial + (signs * sizes_of).cumsum(0)) * theta).flatten(0, 1)
    site = SigmaDelta(theta, timesteps, octaves, initial=initial, signed=True)
    expected = reference.of_messages(np.array(exponents, dtype=object), octaves)
    assert np.array_equal(counted(site, told), expected)
    single = SigmaDelta(theta.float(), timesteps, octaves, initial=initial, signed=True)
    assert np.array_equal(counted(single, told.float()), expected)


@few
@given(seeds, sizes, sizes)
def test_levels_that_bipolar_neurons_fire_and_take_back(seed, timesteps, levels):
    fired = drawn(seed, (timesteps, 2, 3), -levels, levels)
    site = BipolarMultiThreshold(torch.tensor([0.3, 1.7, 2.0], dtype=torch.float64), timesteps, levels, signed=True)
    elapsed = torch.arange(1, timesteps + 1).view(-1, 1, 1)
    told = torch.tensor(fired.cumsum(0)) * site.threshold.detach() / elapsed
    assert np.array_equal(counted(site, told.flatten(0, 1)), reference.of_levels(fired))


@few
@given(seeds, st.integers(2, 6))
def test_what_sigma_delta_neurons_fire_by_themselves(seed, timesteps):
    """At most one message a step, which is a power of two: the power-of-two and the graded count are one."""
    z = torch.tensor(np.random.default_rng(seed).uniform(-1, 3, (timesteps, 50, 1)))
    site = SigmaDelta(ONE, timesteps, 6)
    unary, power_of_two, graded = counted(site, site(z.flatten(0, 1)).detach())
    assert np.array_equal(power_of_two, graded)
    assert (graded <= timesteps).all()
    assert (unary >= graded).all()
    assert graded.any()
