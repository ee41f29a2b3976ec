"""Reports and comparisons of networks of differential coupling: numbers against slow loops, and their words."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from graph_cases import plain, prepared
from page_checks import check
from reference import bipolar as bipolar_reference
from reference import sigma_delta as sigma_delta_reference
from report_cases import COUNT

from snnconv.errors import InvalidValueError, ModelError
from snnconv.evaluation import ann_energy, evaluate
from snnconv.neurons import BipolarMultiThreshold, Coupling, SigmaDelta
from snnconv.reporting import Grid, ReportOptions, gather
from snnconv.reporting.comparison_view import comparison_view
from snnconv.reporting.gather_comparison import gather_comparison
from snnconv.reporting.measure import measure
from snnconv.reporting.page import render
from snnconv.reporting.summary_view import verdict
from snnconv.reporting.view import report_view
from snnconv.spiking.couplings import latency_of, variants
from snnconv.spiking.sites import cap_of, iter_sites
from snnconv.spiking.unrolling import spike, unroll, without_time

T, THETA, K = 4, 0.5, 5


def powers(timesteps=T):
    return unroll(prepared("chain"), lambda _, site: SigmaDelta(torch.tensor(THETA), timesteps, K, cap=cap_of(site)))


def uniform(levels=2, ceiling=1.5):
    return unroll(prepared("chain"), lambda *_: BipolarMultiThreshold(torch.tensor(ceiling), T, levels))


def signals_of(snn, images, place):
    """What a site is told until each step, `[T, n, ...]`, in float64."""
    x = torch.stack([image for image, _ in (images[index] for index in range(len(images)))]).double()
    graph = snn.copy().graph.double().eval()
    given = {}
    node, site = list(iter_sites(graph))[place]
    site.register_forward_hook(lambda _, inputs, __: given.update(x=inputs[0]))
    with torch.inference_mode():
        graph(x)
    return given["x"].numpy().reshape(T, len(images), *node.meta["shape"])


@pytest.mark.parametrize("place", [0, 1])
def test_a_site_of_powers_of_two_is_what_a_loop_over_messages_finds(place, ann, images):
    snn = powers()
    found = measure(snn, images, against=ann)[place]
    told = signals_of(snn, images, place)
    arriving = np.diff(told, axis=0, prepend=0)
    code = sigma_delta_reference.Code(K)
    sent = sigma_delta_reference.run(np.concatenate([arriving, 0 * arriving[:1]]), np.array(THETA), code)
    more, sent = sent[-1] != 0, sent[:-1]
    activation = np.maximum(told[-1], 0)
    reached = np.minimum(activation, T * THETA)
    missing = np.abs(reached - THETA * sent.sum(0))
    assert (found.octaves, found.levels, found.total_levels, found.saturated) == (K, None, None, None)
    assert found.firing_rate == pytest.approx((sent != 0).mean())
    assert found.taken_back == pytest.approx((sent < 0).sum() / (sent != 0).sum())
    assert found.silent == pytest.approx((sent == 0).all(0).mean())
    assert found.unsettled == pytest.approx(more.mean())
    assert found.clipping == pytest.approx((activation - reached).sum() / activation.sum(), abs=1e-12)
    assert found.quantization == pytest.approx(missing[~more].sum() / activation.sum())
    assert found.unevenness == pytest.approx(missing[more].sum() / activation.sum(), abs=1e-12)
    sizes = [0.0, *(2.0 ** (size - K) for size in range(1, K + 1))]
    bins = [-size for size in sizes[:0:-1]] + sizes
    assert found.fired.shares == pytest.approx([(sent == size).mean() for size in bins])
    assert found.fired.below == found.fired.above == 0


@pytest.mark.parametrize("place", [0, 1])
def test_a_site_of_the_uniform_code_is_what_a_loop_over_levels_finds(place, ann, images):
    snn = uniform(levels=1, ceiling=2.5)
    found = measure(snn, images, against=ann)[place]
    means = signals_of(snn, images, place)
    currents = np.diff(means * np.arange(1, T + 1).reshape(-1, 1, 1, 1, 1), axis=0, prepend=0)
    fired = bipolar_reference.run(currents, np.array(2.5), 1, T)
    wanted = np.clip(np.floor(means[-1] * T / 2.5 + 0.5), 0, T)
    assert found.firing_rate == pytest.approx(np.abs(fired).mean())
    assert found.saturated == pytest.approx((fired.sum(0) == T).mean())
    assert found.unsettled == pytest.approx((fired.sum(0) != wanted).mean())
    assert found.fired.shares == pytest.approx([(fired == level).mean() for level in (-1, 0, 1)])
    lost = np.abs(wanted - fired.sum(0)).sum() * 2.5 / T
    assert found.unevenness == pytest.approx(lost / np.maximum(means[-1], 0).sum(), abs=1e-12)
    assert place == 0 or found.unsettled > 0  # a still image's currents are never cut, those of a second layer are


def test_a_report_of_powers_of_two_shows_k_and_no_levels(ann, images):
    snn = powers()
    report = gather(snn, images, against=ann, options=ReportOptions(site_images=COUNT))
    page = render("report.html.j2", report_view(report))
    check(page)
    assert verdict(report).startswith("A spiking network of 4 time steps under differential coupling, power-of-two")
    summary = report.summary
    assert (summary.levels, summary.total_levels, summary.octaves, summary.latency_steps) == (None, None, K, T)
    for words in ("Message sizes K", "no layer waits; power-of-two code", "dead zone", "Units not settled"):
        assert words in page
    assert "Levels N" not in page
    heads = report_view(report)["sites"]["heads"]
    assert heads[3:7] == ["clipping", "dead zone", "unsettled", "units not settled"]
    own, *others = report.curves
    assert (own.coupling, len(own.settled_at), own.settled_at[-1]) == ("differential", T, 100.0)
    assert all(curve.settled_at is None and "convert the ANN" in curve.note for curve in others)
    assert summary.ann_energy_pj == pytest.approx(ann_energy(ann).energy_pj_per_image)
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_report_of_the_uniform_code_says_how_many_units_were_cut(ann, images):
    report = gather(uniform(), images, against=ann, options=ReportOptions(site_images=COUNT))
    page = render("report.html.j2", report_view(report))
    check(page)
    assert report.summary.unsettled == evaluate(uniform(), images, activity_images=COUNT).unsettled.share
    assert "of all units were cut" in page
    assert [curve.coupling for curve in report.curves] == ["differential", "mean", "causal"]
    assert all(len(curve.agreement_at) == T for curve in report.curves)
    assert all(site.error_names == ("clipping", "quantization", "unsettled") for site in report.sites)


def test_an_mht_network_is_shown_under_differential_coupling_too(snn):
    shown = {variant.coupling: variant for variant in variants(snn)}
    other = shown[Coupling.DIFFERENTIAL].model
    assert all(isinstance(site, BipolarMultiThreshold) for _, site in iter_sites(other.graph))
    assert (latency_of(snn), latency_of(other)) == (2 * T, T)
    assert "calibrated" in shown[Coupling.DIFFERENTIAL].note
    again = {variant.coupling: variant.model for variant in variants(other)}
    assert {coupling: model.coupling for coupling, model in again.items()} == {key: key for key in shown}


def test_a_network_without_time_of_powers_of_two_is_the_plain_one(ann, images):
    x = torch.cat([batch for batch, _ in images.batches(8)])
    torch.testing.assert_close(without_time(powers()).logits(x), plain("chain").logits(x), rtol=1e-5, atol=1e-5)


def test_comparisons_tell_the_code_and_draw_answers_so_far(ann, snn, images):
    networks = [("powers", powers()), ("uniform", uniform()), ("mean", snn)]
    found = gather_comparison(networks, images, against=("ann", ann))
    view = comparison_view(found)
    assert [row[4] for row in view["rows"]] == ["differential, power-of-two K=5", "differential, uniform", "mean"]
    assert [(row[1], row[2], row[3], row[8]) for row in view["rows"][:2]] == [
        ("4", None, None, "4"),
        ("4", "2", "8", "4"),
    ]
    page = render("compare.html.j2", view)
    check(page)
    assert "differential coupling" in page
    for network in found.contenders[:2]:
        assert len(network.score_at) == T
        assert network.score_at[-1] == network.accuracy
    assert found.contenders[2].score_at is None


def test_energies_of_a_comparison_are_of_one_count_that_it_names(ann, snn, images):
    networks = [("powers", powers()), ("mean", snn)]
    usual = gather_comparison(networks, images, against=("ann", ann))
    assert (usual.spike_count, gather_comparison(networks[1:], images).spike_count) == ("power_of_two", "unary")
    for label in ("unary", "power-of-two", "graded"):
        found = gather_comparison(networks, images, against=("ann", ann), spike_count=label)
        assert found.to_dict()["spike_count"] == label.replace("-", "_")
        for network in found.contenders:
            energies = {counted.count: counted.energy_pj for counted in network.energy_by_count}
            assert len(set(energies.values())) == 3
            assert network.energy_pj == energies[found.spike_count]
        assert found.reference.energy_pj == pytest.approx(ann_energy(ann).energy_pj_per_image)
        page = render("compare.html.j2", comparison_view(found))
        assert f"energy, {label}" in page
        assert f"Energy without another name is {label}." in page
        assert f"energy ({label})" in page
        assert (found == replace(usual, provenance=found.provenance)) == (label == "power-of-two")
    with pytest.raises(InvalidValueError, match="'binary': it must be one of 'unary', 'power-of-two', 'graded'"):
        gather_comparison(networks, images, spike_count="binary")


def test_powers_of_two_are_compared_at_other_t(images):
    model = powers()
    settings = list(Grid((1, 4, 8), None, ("differential",)).settings(model))
    assert [setting.model.timesteps for setting in settings] == [1, 4, 8]
    assert settings[1].model is model
    assert [setting.note for setting in settings] == ["thresholds of T=4", "", "thresholds of T=4"]
    x = torch.cat([batch for batch, _ in images.batches(8)])
    with torch.inference_mode():
        for setting in settings:
            other = powers(setting.model.timesteps)(x)
            for ours, theirs in itertools.zip_longest(setting.model(x), other):
                torch.testing.assert_close(ours, theirs)
    for grid, words in (
        (Grid((2,), (1,)), "leave --levels"),
        (Grid(couplings=("mean",)), "no other coupling"),
        (Grid(couplings=("differential", "causal")), "no other coupling"),
    ):
        with pytest.raises(ModelError, match=words):
            list(grid.settings(model))


def test_a_quantized_network_is_compared_under_differential_coupling(quantized):
    (setting,) = Grid((2,), None, ("differential",)).settings(quantized)
    assert (setting.model.coupling, setting.model.levels, setting.model.timesteps) == (Coupling.DIFFERENTIAL, 4, 2)
    loose = unroll(prepared("chain"), lambda *_: BipolarMultiThreshold(torch.tensor(1.0), T, 3, total_levels=2 * T))
    (other,) = Grid((2,)).settings(loose)
    assert (other.model.levels, other.note) == (4, "a step fires no more levels than N/T")
    with pytest.raises(InvalidValueError, match="'differential'"):
        Grid(couplings=("learned",))


def test_large_t_leaves_only_the_dead_zone(ann, images):
    found = measure(powers(timesteps=24), images, against=ann)
    for site in found:
        assert site.unsettled == site.clipping == 0
        assert 0 < site.error == site.quantization
        assert not math.isnan(site.correlation)


def test_mean_coupling_is_what_large_l_ends_at(snn, quantized, images):
    """With as many levels a step as there are in all, nothing is cut: the network is the quantized one."""
    free = spike(quantized, 4, 64, Coupling.DIFFERENTIAL)
    assert evaluate(free, images).unsettled.share == 0
