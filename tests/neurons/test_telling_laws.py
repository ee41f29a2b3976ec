"""Neurons of differential coupling against their references, under the laws of all and of those that tell a value."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from laws import CLOSE, CausalLaws, Did, Window, draw, few, seeds, windows
from reference import bipolar as bipolar_reference
from reference import qcfs as qcfs_reference
from reference import sigma_delta as sigma_delta_reference

from snnconv.neurons import BipolarMultiThreshold, SigmaDelta, bipolar_multithreshold, sigma_delta


class TellingLaws(CausalLaws):
    """Laws of kinds that tell changes of a value: inputs and outputs hold at each step the value so far."""

    signed = False

    def messages(self, window):
        """What the layer tells at each step, in units of theta, `[T, B, C]`."""
        raise NotImplementedError

    @few
    @given(windows)
    def test_without_a_sign_no_value_is_below_0(self, window):
        least = self.run(window._replace(currents=window.currents - window.ceiling / 2)).min()
        assert least < 0 if self.signed and window.timesteps > 3 else least >= 0 or self.signed

    def smooth(self, site, currents, theta):
        """What was told, as a function of tensors whose gradient autograd finds."""
        raise NotImplementedError

    def reference_gradients(self, site, currents, theta, upstream):
        x = torch.tensor(currents, requires_grad=True)
        thresholds = torch.tensor(theta).broadcast_to(currents.shape[1:]).clone().requires_grad_()
        self.smooth(site, x, thresholds).backward(torch.tensor(upstream))
        return {"currents": x.grad.numpy(), "theta": thresholds.grad.numpy()}


class TestSigmaDelta(TellingLaws):
    octaves = 5
    dead_zone = 0.75
    initial = 0.0
    cap = float("inf")  # in units of the ceiling
    kept = frozenset({"initial", "cap"})

    @property
    def code(self):
        return sigma_delta_reference.Code(self.octaves, self.dead_zone, self.signed)

    def make(self, ceiling, timesteps, channel_axis=1):
        return SigmaDelta(
            ceiling,
            timesteps,
            self.octaves,
            dead_zone=self.dead_zone,
            cap=self.cap * ceiling.detach(),
            initial=self.initial,
            signed=self.signed,
            channel_axis=channel_axis,
        )

    def function(self, site, currents, threshold):
        return sigma_delta(
            currents,
            threshold,
            self.octaves,
            dead_zone=self.dead_zone,
            cap=site.cap,
            initial=site.initial,
            signed=self.signed,
        )

    def messages(self, window):
        told = self.run(window) / window.ceiling
        return told.diff(dim=0, prepend=torch.full_like(told[:1], self.initial))

    def sent(self, currents, theta):
        arriving = np.diff(currents, axis=0, prepend=0)
        return sigma_delta_reference.run(arriving, theta, self.code, cap=self.cap * theta, initial=self.initial)

    def reference(self, site, currents, theta):
        return Did(self.initial + self.sent(currents, theta).cumsum(0), np.empty(0))

    def smooth(self, site, currents, theta):
        sent = self.sent(currents.detach().numpy(), theta.detach().numpy())
        cap = self.cap * theta.detach()
        return sigma_delta_reference.smooth(currents, theta, sent, self.code, cap=cap, initial=self.initial)

    @few
    @given(windows)
    def test_a_message_is_a_power_of_two_or_none(self, window):
        sizes = self.messages(window).abs()
        allowed = torch.tensor([0.0, *(2.0**-k for k in range(self.octaves))], dtype=torch.float64)
        distance = (sizes.unsqueeze(-1) - allowed).abs().amin(-1)
        torch.testing.assert_close(distance, torch.zeros_like(distance), **CLOSE)

    def test_every_message_is_sent(self):
        currents = torch.linspace(-3, 3, 600, dtype=torch.float64).reshape(1, 300, 2)
        currents = torch.cat([currents, currents.flip(1)]).repeat(3, 1, 1)
        window = Window(currents, torch.tensor(1.0, dtype=torch.float64))
        sizes = {2.0**-k for k in range(self.octaves)}
        assert set(self.messages(window).unique().tolist()) == {0.0, *sizes, *(-size for size in sizes)}

    @few
    @given(seeds, st.booleans())
    def test_after_many_steps_it_is_the_activation_to_the_dead_zone(self, seed, per_channel):
        window = draw(1, seed, per_channel)
        timesteps = 24
        told = self.run(Window(window.currents.expand(timesteps, -1, -1), window.ceiling))[-1]
        value = window.currents[0] if self.signed else window.currents[0].clamp(min=0)
        value = torch.minimum(torch.maximum(value, -self.cap * window.ceiling), self.cap * window.ceiling)
        smallest = window.ceiling * 2.0 ** (1 - self.octaves)
        assert bool(((told - value).abs() <= max(self.dead_zone, 0.5) * smallest + 1e-9).all())


class TestSignedSigmaDelta(TestSigmaDelta):
    signed = True


class TestSigmaDeltaOfANarrowDeadZone(TestSigmaDelta):
    octaves = 3
    dead_zone = 0.5


class TestSigmaDeltaOfAWideDeadZone(TestSigmaDelta):
    octaves = 4
    dead_zone = 1.25
    signed = True


class TestSigmaDeltaThatSaturates(TestSigmaDelta):
    cap = 1.3
    dead_zone = 0.6


class TestSignedSigmaDeltaThatSaturates(TestSigmaDelta):
    signed = True
    cap = 1.3


class TestSigmaDeltaFromAStart(TestSigmaDelta):
    octaves = 3
    initial = 0.75


class TestSignedSigmaDeltaFromAStart(TestSigmaDelta):
    signed = True
    initial = -0.5


class TestBipolar(TellingLaws):
    levels = 3
    slack = 0

    def total(self, timesteps):
        return max(1, self.levels * timesteps - self.slack)

    def share(self, timesteps):
        return timesteps / self.total(timesteps)

    def make(self, ceiling, timesteps, channel_axis=1):
        return BipolarMultiThreshold(
            ceiling,
            timesteps,
            self.levels,
            total_levels=self.total(timesteps),
            signed=self.signed,
            channel_axis=channel_axis,
        )

    def function(self, site, currents, threshold):
        return bipolar_multithreshold(
            currents, threshold, self.levels, total_levels=site.total_levels, signed=self.signed
        )

    def messages(self, window):
        elapsed = torch.arange(1, window.timesteps + 1).view(-1, 1, 1)
        sums = self.run(window) * elapsed / torch.tensor(self.theta(window))
        return sums.diff(dim=0, prepend=torch.zeros_like(sums[:1]))

    def fired(self, currents, theta):
        elapsed = np.arange(1, len(currents) + 1).reshape(-1, *(1 for _ in currents.shape[1:]))
        arriving = np.diff(currents * elapsed, axis=0, prepend=0)
        return bipolar_reference.run(arriving, theta, self.levels, self.total(len(currents)), self.signed)

    def reference(self, site, currents, theta):
        elapsed = np.arange(1, len(currents) + 1).reshape(-1, 1, 1)
        return Did(self.fired(currents, theta).cumsum(0) / elapsed, np.empty(0))

    def smooth(self, site, currents, theta):
        fired = self.fired(currents.detach().numpy(), theta.detach().numpy())
        return bipolar_reference.smooth(currents, theta, fired, self.levels, self.total(len(currents)), self.signed)

    @few
    @given(windows)
    def test_a_message_is_a_whole_level_of_either_sign(self, window):
        messages = self.messages(window)
        torch.testing.assert_close(messages, messages.round(), **CLOSE)
        assert messages.abs().max() <= self.levels + 1e-9

    def test_it_tells_and_takes_back_every_level(self):
        currents = torch.linspace(-4, 4, 400, dtype=torch.float64).reshape(1, 200, 2)
        window = Window(torch.cat([currents, currents.flip(1)]).repeat(3, 1, 1), torch.tensor(1.0).double())
        levels = range(-self.levels, self.levels + 1)
        assert self.messages(window).round().unique().tolist() == list(levels)

    @few
    @given(windows)
    def test_where_no_step_was_cut_it_ends_as_its_quantized_network(self, window):
        """What decides is the messages that the reference would send without a bound on a step."""
        theta, total = self.theta(window), self.total(window.timesteps)
        elapsed = np.arange(1, window.timesteps + 1).reshape(-1, 1, 1)
        arriving = np.diff(window.currents.numpy() * elapsed, axis=0, prepend=0)
        unbounded = bipolar_reference.run(arriving, theta, 2 * total, total, self.signed)
        whole = (np.abs(unbounded) <= self.levels).all(0)
        quantized = qcfs_reference.qcfs(window.currents[-1].numpy(), window.ceiling.numpy(), total, signed=self.signed)
        np.testing.assert_allclose(self.run(window)[-1].numpy()[whole], quantized[whole], **CLOSE)

    def test_no_step_is_cut_of_one_value_within_the_ceiling(self):
        """So that the law above compares something: a still value needs at most L levels a step."""
        value = torch.linspace(-1, 1, 62, dtype=torch.float64).reshape(31, 2) if self.signed else torch.rand(31, 2)
        site = self.make(torch.tensor(1.0), 6).double()
        told = site(value.double().repeat(6, 1)).detach().unflatten(0, (6, -1))
        quantized = qcfs_reference.qcfs(value.double().numpy(), np.array(1.0), self.total(6), signed=self.signed)
        np.testing.assert_allclose(told[-1].numpy(), quantized, **CLOSE)

    @few
    @given(windows, st.integers(1, 5))
    def test_fewer_steps_fire_as_the_first_of_many(self, window, fewer):
        site, theta = self.site(window), torch.tensor(self.theta(window))
        begun = self.function(site, window.currents[:fewer], theta)
        assert torch.equal(begun, self.function(site, window.currents, theta)[:fewer])


class TestBipolarOfOneLevel(TestBipolar):
    levels = 1


class TestBipolarWithSlack(TestBipolar):
    levels = 2
    slack = 2


class TestSignedBipolar(TestBipolar):
    signed = True


class TestSignedBipolarOfOneLevelWithSlack(TestBipolar):
    levels = 1
    signed = True
    slack = 1
