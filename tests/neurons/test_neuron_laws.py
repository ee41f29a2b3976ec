"""Each kind of neuron, with the choices that it has, against its reference and under the laws of all."""

from __future__ import annotations

import numpy as np
import torch
from laws import CausalLaws, Did, FiringLaws, OneMembraneLaws, SoftResetLaws
from reference import leaky as leaky_reference
from reference import multilevel as multilevel_reference
from reference import multithreshold as reference
from reference.rectifier import phi_of_levels, slope_of_levels
from reference.surrogate import rectangular_slope, sigmoid_slope

from snnconv.neurons import (
    LIF,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    couple,
    coupling_matrix,
    leak_factor,
    multilevel,
    multithreshold,
    parse_surrogate,
)
from snnconv.neurons.lif import lif


class MultiThresholdLaws(SoftResetLaws):
    """M-HT and LM-HT: omega and leak are what tells them apart."""

    centre = 0.5
    levels = 3
    rectified = False

    def omega(self, site):
        return site.coupling.matrix(site.timesteps).double().numpy()

    def received(self, site, currents):
        return reference.couple(currents, self.omega(site))

    def start(self, site):
        return 0.5

    def reference(self, site, currents, theta):
        received = self.received(site, currents)
        did = reference.trace(received, theta, self.levels, self.start(site), self.leak(site), self.lowest)
        return Did(did.s, did.m / theta - 0.5)

    def reference_gradients(self, site, currents, theta, upstream):
        found = reference.gradients(
            currents,
            theta,
            self.levels,
            upstream,
            omega=self.omega(site),
            initial=self.start(site),
            leak=self.leak(site),
            stretch=(lambda u: slope_of_levels(u, self.levels, self.lowest)) if self.rectified else (lambda _: 1.0),
            lowest=self.lowest,
        )
        return {"currents": found.x, "theta": found.theta, **self.further(site, found)}

    def further(self, site, found):
        return {}


class TestMeanMultiThreshold(MultiThresholdLaws):
    coupling = Coupling.MEAN

    def omega(self, site):
        return np.full((site.timesteps, site.timesteps), 1 / site.timesteps)

    def make(self, ceiling, timesteps, channel_axis=1):
        return MultiThreshold(
            ceiling,
            timesteps,
            self.levels,
            coupling=self.coupling,
            rectified=self.rectified,
            signed=self.lowest < 0,
            channel_axis=channel_axis,
        )

    def function(self, site, currents, threshold):
        return multithreshold(couple(currents, self.coupling), threshold, self.levels, signed=self.lowest < 0)


class TestMeanMultiThresholdOfOneLevel(TestMeanMultiThreshold):
    levels = 1


class TestRectifiedMeanMultiThreshold(TestMeanMultiThreshold):
    rectified = True


class TestCausalMultiThreshold(CausalLaws, TestMeanMultiThreshold):
    coupling = Coupling.CAUSAL

    def omega(self, site):
        return np.eye(site.timesteps)


class TestRectifiedCausalMultiThresholdOfOneLevel(TestCausalMultiThreshold):
    levels = 1
    rectified = True


class TestSignedMeanMultiThreshold(TestMeanMultiThreshold):
    lowest = -3


class TestSignedCausalMultiThresholdOfOneLevel(TestCausalMultiThreshold):
    levels = 1
    lowest = -1


class TestSignedRectifiedCausalMultiThreshold(TestCausalMultiThreshold):
    lowest = -3
    rectified = True


class TestLearnableMultiThresholdAsItStarts(MultiThresholdLaws):
    levels = 2
    initial = 0.5

    def make(self, ceiling, timesteps, channel_axis=1):
        return LearnableMultiThreshold(
            ceiling,
            timesteps,
            self.levels,
            initial=self.initial,
            rectified=self.rectified,
            signed=self.lowest < 0,
            channel_axis=channel_axis,
        )

    def start(self, site):
        return self.initial

    def omega(self, site):
        return reference.coupling_matrix(site.mixing.detach().double().numpy())

    def leak(self, site):
        return reference.leak_factor(site.leakage.item())

    def function(self, site, currents, threshold):
        received = couple(currents, coupling_matrix(site.mixing))
        return multithreshold(
            received,
            threshold,
            self.levels,
            initial=self.initial,
            leak=leak_factor(site.leakage),
            signed=self.lowest < 0,
        )

    def further(self, site, found):
        half_omega = self.omega(site) * site.timesteps / 2  # sigmoid(A)
        open_ = self.leak(site) - 0.5  # sigmoid(a)
        return {
            "mixing": found.omega * 2 / site.timesteps * half_omega * (1 - half_omega),
            "leakage": found.leak * open_ * (1 - open_),
        }


class TestLearnableMultiThreshold(TestLearnableMultiThresholdAsItStarts):
    def make(self, ceiling, timesteps, channel_axis=1):
        site = super().make(ceiling, timesteps, channel_axis)
        rng = np.random.default_rng(timesteps)
        site.mixing.data = torch.tensor(rng.normal(0, 2, (timesteps, timesteps)), dtype=torch.float32)
        site.leakage.data = torch.tensor(rng.normal(0, 2), dtype=torch.float32)
        return site

    def test_the_coupling_is_of_this_step_to_that_step(self):
        """Row t of omega is what step t receives: with what is above its diagonal closed, no step sees a later one."""
        site = self.make(torch.tensor(1.0), 4)
        site.mixing.data.masked_fill_(torch.ones(4, 4).triu(1).bool(), -1e4)
        x = torch.tensor(np.random.default_rng(0).normal(0.5, 0.7, (4, 30)), dtype=torch.float32)
        later = x + torch.tensor([0.0, 0.0, 1.0, 0.0])[:, None]
        assert torch.equal(site(later)[:2], site(x)[:2])
        assert not torch.equal(site(later)[2], site(x)[2])
        assert not torch.equal(site(later)[3], site(x)[3])


class TestRectifiedLearnableMultiThresholdFromScratch(TestLearnableMultiThreshold):
    levels = 4
    initial = 0.0
    rectified = True


class TestSignedLearnableMultiThreshold(TestLearnableMultiThreshold):
    lowest = -2


class TestSignedRectifiedLearnableMultiThresholdFromScratch(TestRectifiedLearnableMultiThresholdFromScratch):
    lowest = -4


class LeakyLaws(CausalLaws, OneMembraneLaws):
    decay = 1.0
    reset = "soft"
    rectified = False
    surrogate = "rectangular:1"

    def make(self, ceiling, timesteps, channel_axis=1):
        return LIF(
            ceiling,
            timesteps,
            self.levels,
            decay=self.decay,
            reset=self.reset,
            rectified=self.rectified,
            surrogate=self.surrogate,
            channel_axis=channel_axis,
        )

    def function(self, site, currents, threshold):
        return lif(currents, threshold, self.levels, decay=self.decay, reset=self.reset)

    def reference(self, site, currents, theta):
        did = leaky_reference.trace(currents, theta, self.levels, self.decay, self.reset)
        return Did(did.s, did.u)

    def slope_at(self, distance):
        return rectangular_slope(distance)

    def slope(self, u):
        """Of the level that fires to the potential, through the rectifier where there is one."""
        rectified = phi_of_levels(u, self.levels) if self.rectified else u
        total = sum(self.slope_at(rectified - (k - 0.5)) for k in range(1, self.levels + 1))
        return total * (slope_of_levels(u, self.levels) if self.rectified else 1.0)

    def reference_gradients(self, site, currents, theta, upstream):
        to_x, to_theta = leaky_reference.gradients(
            currents, theta, self.levels, upstream, decay=self.decay, reset=self.reset, slope=self.slope
        )
        return {"currents": to_x, "theta": to_theta}


class TestSoftIf(LeakyLaws, SoftResetLaws):
    pass


class TestRectifiedSoftIf(TestSoftIf):
    rectified = True


class TestRectifiedSoftIfOfSeveralLevels(TestSoftIf):
    levels = 3
    rectified = True


class TestSoftLif(TestSoftIf):
    decay = 0.25

    def leak(self, site):
        return 0.25


class TestSoftLifOfSeveralLevelsWithABroadSurrogate(TestSoftLif):
    """The windows of this surrogate overlap, so the gradient is of all levels together."""

    levels = 3
    surrogate = "sigmoid:3"

    def slope_at(self, distance):
        return sigmoid_slope(distance, 3)


class TestHardIf(LeakyLaws):
    reset = "hard"


class TestHardLif(TestHardIf):
    decay = 0.5


class TestRectifiedHardLif(TestHardLif):
    rectified = True


class TestHardLifOfSeveralLevels(TestHardLif):
    levels = 3
    surrogate = "sigmoid:3"

    def slope_at(self, distance):
        return sigmoid_slope(distance, 3)


class TestMultiLevelOfOneMembrane(CausalLaws, FiringLaws):
    levels = 1
    decay = 0.25
    surrogate = "rectangular:1"

    def make(self, ceiling, timesteps, channel_axis=1):
        return MultiLevel(
            ceiling, timesteps, self.levels, decay=self.decay, surrogate=self.surrogate, channel_axis=channel_axis
        )

    def function(self, site, currents, threshold):
        return multilevel(currents, threshold, self.levels, decay=self.decay)

    def reference(self, site, currents, theta):
        did = multilevel_reference.trace(currents, theta, self.levels, self.decay)
        return Did(did.s, did.u[0] + 0.5 - multilevel_reference.FIRST)

    def slope_at(self, distance):
        return rectangular_slope(distance)

    def reference_gradients(self, site, currents, theta, upstream):
        to_x, to_theta = multilevel_reference.gradients(
            currents, theta, self.levels, upstream, decay=self.decay, slope=self.slope_at
        )
        return {"currents": to_x, "theta": to_theta}


class TestMultiLevelOfTwoMembranes(TestMultiLevelOfOneMembrane):
    levels = 2
    decay = 0.75
    surrogate = "sigmoid:3"

    def slope_at(self, distance):
        return sigmoid_slope(distance, 3)


class TestMultiLevelOfThreeMembranes(TestMultiLevelOfOneMembrane):
    levels = 3


def test_the_surrogate_of_a_neuron_is_the_one_that_was_asked_for():
    for site in (
        LIF(torch.tensor(1.0), 2, surrogate="tanh:2"),
        MultiLevel(torch.tensor(1.0), 2, surrogate="tanh:2"),
    ):
        assert site.surrogate == parse_surrogate("tanh:2")
