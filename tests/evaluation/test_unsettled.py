"""Units that have not settled at the end of a window, against the references' loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import bipolar as bipolar_reference
from reference import sigma_delta as sigma_delta_reference
from reference.qcfs import qcfs
from telling_networks import powers, uniform

from snnconv.evaluation import evaluate
from snnconv.evaluation.unsettled import UnsettledSite, UnsettledUnits, unsettled_units
from snnconv.neurons import BipolarMultiThreshold, SigmaDelta, fold_time
from snnconv.spiking.sites import iter_sites

few = settings(max_examples=40, deadline=None)
CHANNELS = 3


def currents_of(seed, timesteps, spread):
    """Random currents of each step, `[T, B, C]`, and one threshold a channel."""
    random = np.random.default_rng(seed)
    return random.normal(0.3, spread, (timesteps, 5, CHANNELS)), random.uniform(0.2, 2.0, CHANNELS)


def values_of(site, steps):
    """The value of the window that a site was told, and that it told its readers, both `[B, C]`."""
    signal = fold_time(torch.tensor(steps))
    told = site.double()(signal).detach()
    return site.window_value(signal), site.window_value(told), told


@few
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 3), st.booleans(), st.floats(0.3, 3))
def test_a_unit_of_the_uniform_code_is_cut_where_its_levels_are_not_those_of_qcfs(
    seed, timesteps, levels, signed, size
):
    currents, theta = currents_of(seed, timesteps, size)
    total = max(1, timesteps * levels - seed % 3)
    ceiling = theta * total / timesteps
    site = BipolarMultiThreshold(torch.tensor(ceiling), timesteps, levels, total_levels=total, signed=signed)
    means = currents.cumsum(0) / np.arange(1, timesteps + 1)[:, None, None]
    value, told, output = values_of(site, means)
    fired = bipolar_reference.run(currents, theta, levels, total, signed)
    wanted = qcfs(value.numpy(), ceiling, total, signed=signed)
    cut = np.abs(fired.sum(0) * theta / timesteps - wanted) > 1e-9
    assert (site.unsettled(value, told).numpy() == cut).all()
    assert (site.messages(output).detach().numpy() == fired).all()


@few
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 8), st.booleans(), st.floats(0.1, 3))
def test_a_unit_of_powers_of_two_has_settled_where_one_more_step_sends_nothing(seed, timesteps, octaves, signed, size):
    changes, theta = currents_of(seed, timesteps, size)
    site = SigmaDelta(torch.tensor(theta), timesteps, octaves, signed=signed, cap=float(2 + seed % 2))
    value, told, output = values_of(site, changes.cumsum(0))
    code = sigma_delta_reference.Code(octaves, signed=signed)
    more = np.concatenate([changes, np.zeros_like(changes[:1])])
    sent = sigma_delta_reference.run(more, theta, code, cap=float(2 + seed % 2))
    assert (site.unsettled(value, told).numpy() == (sent[-1] != 0)).all()
    assert np.allclose(site.messages(output).detach().numpy(), sent[:-1], atol=1e-12)


def test_all_levels_in_every_step_leave_nothing_cut(ann, images):
    data = images(ann.input)
    found = evaluate(uniform(levels=64, total_levels=64), data, against=ann)
    assert found.unsettled.share == 0
    assert {site.share for site in found.unsettled.sites} == {0.0}
    assert evaluate(uniform(levels=1), data).unsettled.share > 0
    assert evaluate(powers(timesteps=1), data).unsettled.share > evaluate(powers(timesteps=9), data).unsettled.share


def test_shares_are_those_of_all_images_and_units(images):
    model = uniform(levels=1)
    opened = images(model.input)
    found = unsettled_units(model, opened, count=8, batch_size=3)
    names = [site.name for site in found.sites]
    assert names == [str(node.target) for node, _ in iter_sites(model.graph)]
    assert found.images == 8
    for site in found.sites:
        assert site.share * site.units * 8 == pytest.approx(round(site.share * site.units * 8))
    total = sum(site.share * site.units for site in found.sites)
    assert found.share == pytest.approx(total / sum(site.units for site in found.sites))
    assert found == unsettled_units(model, opened, count=8, batch_size=8)
    assert found.to_dict()["sites"][0] == {
        "name": names[0],
        "units": found.sites[0].units,
        "share": found.sites[0].share,
    }


def test_a_share_weighs_sites_by_their_units():
    assert UnsettledUnits(1, (UnsettledSite("a", 30, 0.5), UnsettledSite("b", 10, 0.1))).share == pytest.approx(0.4)


def test_only_networks_that_take_back_have_a_share(snn, images):
    data = images(snn.input)
    assert evaluate(snn, data).unsettled is None
    assert evaluate(uniform(), data, activity_images=0).unsettled is None


def test_the_window_is_told_in_the_terms_of_its_code(images):
    found = evaluate(powers(octaves=6), images(powers().input)).to_dict()
    assert [found[key] for key in ("coupling", "code", "octaves")] == ["differential", "power-of-two", 6]
    assert [found[key] for key in ("levels", "total_levels", "total_levels_range")] == [None] * 3
    found = evaluate(uniform(levels=2), images(powers().input)).to_dict()
    assert [found[key] for key in ("code", "octaves", "levels", "total_levels")] == ["uniform", None, 2, 8]
    assert len(found["accuracy_at"]) == 4
    assert found["accuracy_at"][-1] == found["accuracy"]
