"""What every layer of neurons obeys: a suite that the tests of each kind inherit.

Numbers are float64 and continuous, so that no potential meets a decision level and rounding decides nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference.penalty import penalty
from torch import Tensor

from snnconv.neurons import SpikingSite

# Each kind inherits the laws, so one law runs in several classes; an example is made of numbers alone.
few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
# rounding in another order: a few units in the last place of float64
CLOSE = {"rtol": 1e-11, "atol": 1e-11}
BATCH, CHANNELS = 3, 2


class Window(NamedTuple):
    """Currents `[T, B, C]` below 0, within and above the ceilings, and the ceilings, `[]` or `[C]`."""

    currents: Tensor
    ceiling: Tensor

    @property
    def timesteps(self) -> int:
        return len(self.currents)

    @property
    def folded(self) -> Tensor:
        return self.currents.flatten(0, 1)


def draw(timesteps: int, seed: int, per_channel: bool) -> Window:
    rng = np.random.default_rng(seed)
    ceiling = rng.uniform(0.5, 3.0, CHANNELS if per_channel else ())
    currents = rng.normal(0.5, 0.7, (timesteps, BATCH, CHANNELS)) * ceiling
    return Window(torch.tensor(currents), torch.tensor(ceiling))


seeds = st.integers(0, 2**31)
windows = st.builds(draw, st.integers(1, 5), seeds, st.booleans())


class Did(NamedTuple):
    """What a reference says: levels s `[T, B, C]`, and the potentials u that an observer sees of each step.

    Of a kind that tells the value so far, s is that value in units of theta, and u is empty.
    """

    s: np.ndarray
    u: np.ndarray


class NeuronLaws:
    """Laws of every kind.

    Attributes:
        levels: L.
        lowest: the lowest level.
        kept: names of the buffers, which are settings, not states.
    """

    levels = 1
    lowest = 0
    kept = frozenset({"initial"})

    def make(self, ceiling: Tensor, timesteps: int, channel_axis: int = 1) -> SpikingSite:
        """A layer of this kind."""
        raise NotImplementedError

    def function(self, site: SpikingSite, currents: Tensor, threshold: Tensor) -> Tensor:
        """The pure function with the choices of `site`."""
        raise NotImplementedError

    def reference(self, site: SpikingSite, currents: np.ndarray, theta: np.ndarray) -> Did:
        """What the loop over units and steps does."""
        raise NotImplementedError

    def reference_gradients(
        self, site: SpikingSite, currents: np.ndarray, theta: np.ndarray, upstream: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Gradients of `currents` and of `theta`, a value a unit, and of the site's further parameters by name."""
        raise NotImplementedError

    def share(self, timesteps: int) -> float:
        """theta in units of lambda."""
        return 1 / self.levels

    def theta(self, window: Window) -> np.ndarray:
        """Firing threshold, `[]` or `[C]`."""
        return self.site(window).threshold.detach().numpy()

    def site(self, window: Window) -> SpikingSite:
        """In float64 and in training."""
        return self.make(window.ceiling.clone(), window.timesteps).double()

    def run(self, window: Window) -> Tensor:
        """Output currents `[T, B, C]` of a new layer."""
        return self.site(window)(window.folded).detach().unflatten(0, (window.timesteps, -1))

    def backward(self, site: SpikingSite, window: Window, seed: int) -> tuple[np.ndarray, dict[str, Tensor]]:
        """A random upstream gradient `[T, B, C]`, and the gradients that it leaves, by name."""
        upstream = np.random.default_rng(seed).normal(size=window.currents.shape)
        x = window.folded.clone().requires_grad_()
        site.zero_grad()
        site(x).backward(torch.tensor(upstream).flatten(0, 1))
        found = {name: parameter.grad.clone() for name, parameter in site.named_parameters()}
        return upstream, {"currents": x.grad.unflatten(0, (window.timesteps, -1)), **found}

    @few
    @given(windows)
    def test_it_is_the_function_on_unfolded_time(self, window):
        site = self.site(window)
        out = site(window.folded)
        assert out.shape == window.folded.shape
        expected = self.function(site, window.currents, torch.tensor(self.theta(window)))
        torch.testing.assert_close(out, expected.flatten(0, 1), rtol=0, atol=0)

    @few
    @given(windows)
    def test_it_is_the_loop_over_units_and_steps(self, window):
        theta = self.theta(window)
        expected = self.reference(self.site(window), window.currents.numpy(), theta).s * theta
        np.testing.assert_allclose(self.run(window).numpy(), expected, **CLOSE)

    @few
    @given(windows)
    def test_members_of_a_batch_do_not_mix(self, window):
        together = self.run(window)
        for member in range(BATCH):
            alone = self.run(window._replace(currents=window.currents[:, member : member + 1]))
            torch.testing.assert_close(alone[:, 0], together[:, member], **CLOSE)

    @few
    @given(windows, seeds)
    def test_nothing_is_kept_from_batch_to_batch(self, window, seed):
        site = self.site(window)
        first = site(window.folded)
        site(torch.tensor(np.random.default_rng(seed).normal(size=(window.timesteps * 4, CHANNELS))))
        assert torch.equal(site(window.folded), first)
        assert {name for name, _ in site.named_buffers()} <= self.kept  # where it starts is a setting, not a state

    @few
    @given(windows, st.floats(0.01, 100))
    def test_it_scales_with_its_ceiling(self, window, factor):
        scaled = self.run(Window(window.currents * factor, window.ceiling * factor))
        torch.testing.assert_close(scaled, self.run(window) * factor, **CLOSE)

    @few
    @given(windows)
    def test_ceilings_of_the_channels_are_each_its_own(self, window):
        ceilings = window.ceiling.expand(CHANNELS) * torch.tensor([1.0, 1.3])
        together = self.run(window._replace(ceiling=ceilings))
        for channel in range(CHANNELS):
            alone = Window(window.currents[..., channel : channel + 1], ceilings[channel])
            torch.testing.assert_close(self.run(alone)[..., 0], together[..., channel], **CLOSE)

    @pytest.mark.parametrize("axis", [1, 2, 3])
    def test_channels_lie_on_any_axis_and_in_any_memory_layout(self, axis):
        rng = np.random.default_rng(axis)
        ceilings, x = torch.tensor(rng.uniform(0.5, 2, 4)), torch.tensor(rng.normal(0.5, 0.7, (3 * 2, 4, 5, 6)))
        expected = self.make(ceilings, 3).double()(x)
        moved = self.make(ceilings, 3, axis).double()(x.movedim(1, axis))
        torch.testing.assert_close(moved.movedim(axis, 1), expected, **CLOSE)
        moved = self.make(ceilings, 3, axis).double()(x.movedim(1, axis).contiguous())
        torch.testing.assert_close(moved.movedim(axis, 1), expected, **CLOSE)

    @few
    @given(windows, seeds)
    def test_gradients_are_the_stated_ones(self, window, seed):
        site = self.site(window)
        upstream, found = self.backward(site, window, seed)
        expected = self.reference_gradients(site, window.currents.numpy(), self.theta(window), upstream)
        to_theta = torch.tensor(expected.pop("theta")).sum_to_size(window.ceiling.shape)
        to_ceiling = to_theta * self.share(window.timesteps)
        assert found.keys() == {*expected, "ceiling"}
        torch.testing.assert_close(found.pop("ceiling"), to_ceiling, **CLOSE)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name].numpy(), value, **CLOSE)

    def test_gradients_are_the_same_in_any_memory_layout(self):
        rng = np.random.default_rng(0)
        shape = (3 * 2, 4, 5, 6)
        x, upstream = torch.tensor(rng.normal(0.5, 0.7, shape)), torch.tensor(rng.normal(size=shape))
        found = []
        for layout in (torch.contiguous_format, torch.channels_last):
            site = self.make(torch.tensor(1.3), 3).double()
            given = x.to(memory_format=layout, copy=True).requires_grad_()
            site(given).backward(upstream.to(memory_format=layout))
            found.append([given.grad, *(parameter.grad for parameter in site.parameters())])
        for first, second in zip(*found, strict=True):
            torch.testing.assert_close(first, second, **CLOSE)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_short_floats_are_computed_in_single_precision(self, dtype):
        window = draw(4, 0, True)
        site = self.make(window.ceiling.float(), 4)
        x = torch.tensor(np.random.default_rng(1).normal(0.5, 0.7, (4 * 200, CHANNELS)), dtype=dtype).requires_grad_()
        out = site(x)
        assert out.dtype == dtype
        assert torch.equal(out, site(x.detach().float()).to(dtype))
        assert out.unique().numel() > 2
        out.sum().backward()
        assert x.grad.dtype == dtype
        assert x.grad.isfinite().all()

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
    def test_autocast_changes_nothing(self, dtype):
        x = torch.tensor(np.random.default_rng(1).normal(0.5, 0.7, (4 * 200, CHANNELS)), dtype=dtype)
        site = self.make(torch.tensor(1.1), 4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = site(x)
        assert out.dtype == dtype
        assert torch.equal(out, site(x))

    @few
    @given(windows)
    def test_training_fires_as_inference_does(self, window):
        site = self.site(window)
        assert torch.equal(site.train()(window.folded), site.eval()(window.folded))


class FiringLaws(NeuronLaws):
    """Laws of kinds that fire levels, and show their potentials to observers."""

    @few
    @given(windows)
    def test_what_fires_is_a_whole_level_from_the_lowest_to_l(self, window):
        fired = self.run(window) / (window.ceiling / self.levels)
        torch.testing.assert_close(fired, fired.round(), **CLOSE)
        assert fired.min() >= self.lowest - 1e-9
        assert fired.max() <= self.levels + 1e-9

    def test_it_fires_every_level(self):
        currents = torch.linspace(-4, 4, 100, dtype=torch.float64).reshape(50, 2).repeat(6, 1, 1)
        window = draw(6, 0, False)._replace(currents=currents)
        fired = (self.run(window._replace(ceiling=torch.tensor(1.0, dtype=torch.float64))) * self.levels).round()
        assert fired.unique().tolist() == list(range(self.lowest, self.levels + 1))

    @few
    @given(windows)
    def test_an_observer_sees_the_potentials_of_every_step(self, window):
        site = self.site(window)
        seen: list[Tensor] = []
        site.observer = seen.append
        site(window.folded)
        theta = (window.ceiling / self.levels).numpy()
        expected = self.reference(site, window.currents.numpy(), theta).u
        assert [u.shape for u in seen] == [window.currents.shape[1:]] * window.timesteps
        np.testing.assert_allclose(torch.stack(seen).detach().numpy(), expected, **CLOSE)

    @few
    @given(windows, seeds)
    def test_an_observer_changes_nothing(self, window, seed):
        site = self.site(window)
        out = site(window.folded)
        _, gradients = self.backward(site, window, seed)
        site.observer = lambda _: None
        assert torch.equal(site(window.folded), out)
        for name, value in self.backward(site, window, seed)[1].items():
            torch.testing.assert_close(value, gradients[name], **CLOSE)

    def test_an_observer_is_called_in_training_only(self):
        window = draw(4, 0, False)
        site = self.site(window).eval()
        seen: list[Tensor] = []
        site.observer = seen.append
        site(window.folded)
        assert seen == []
        site.train()(window.folded)
        assert len(seen) == 4


class CausalLaws(NeuronLaws):
    """Laws of kinds that receive at each step the current of that step."""

    @few
    @given(windows, st.integers(1, 5))
    def test_fewer_steps_fire_as_the_first_of_many(self, window, fewer):
        begun = Window(window.currents[:fewer], window.ceiling)
        assert torch.equal(self.run(begun), self.run(window)[:fewer])

    @few
    @given(windows, seeds)
    def test_what_has_fired_does_not_depend_on_later_steps(self, window, seed):
        later = window.currents.clone()
        since = seed % window.timesteps
        later[since:] += torch.tensor(np.random.default_rng(seed).normal(size=later[since:].shape))
        assert torch.equal(self.run(window._replace(currents=later))[:since], self.run(window)[:since])


class OneMembraneLaws(FiringLaws):
    """Laws of kinds whose potential fires the level that is nearest to it."""

    @few
    @given(windows)
    def test_what_fires_is_the_spike_that_the_potential_is_nearest_to(self, window):
        u, s = self.observed(window)
        distance = np.vectorize(lambda each: penalty(each, self.levels, self.lowest))(u)
        np.testing.assert_allclose((u - s) ** 2, distance, **CLOSE)

    def observed(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Potentials and levels, both `[T, B, C]`, as the layer itself shows them."""
        site = self.site(window)
        seen: list[Tensor] = []
        site.observer = seen.append
        out = site(window.folded).detach().unflatten(0, (window.timesteps, -1))
        return torch.stack(seen).detach().numpy(), (out / (window.ceiling / self.levels)).numpy()


class SoftResetLaws(OneMembraneLaws):
    """Laws of kinds whose reset takes away what was fired.

    Attributes:
        centre: v less u, in units of theta.
    """

    centre = 0.0

    def received(self, site: SpikingSite, currents: np.ndarray) -> np.ndarray:
        """Currents after coupling."""
        return currents

    def leak(self, site: SpikingSite) -> float:
        """Share of the potential that is left after a step."""
        return 1.0

    def start(self, site: SpikingSite) -> float:
        """v_0 in units of theta."""
        return 0.0

    @few
    @given(windows)
    def test_charge_is_conserved(self, window):
        """All that was received has fired, is left, or leaked: of IF and M-HT nothing leaks."""
        site = self.site(window)
        theta = (window.ceiling / self.levels).numpy()
        u, s = self.observed(window)
        v = np.concatenate([np.full((1, *u.shape[1:]), self.start(site)), u + self.centre - s])
        leaked = (1 - self.leak(site)) * v[:-1].sum(0)
        received = self.received(site, window.currents.numpy()).sum(0)
        np.testing.assert_allclose(received, theta * (s.sum(0) + v[-1] - v[0] + leaked), **CLOSE)
