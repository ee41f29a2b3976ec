"""Levels chosen for each site: errors and costs against brute force, the front, and budgets."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize

from snnconv.convert import convert
from snnconv.convert.allocation import choose_levels
from snnconv.convert.allocation.pareto import front, spread
from snnconv.convert.allocation.request import LevelsSettings, read_request
from snnconv.convert.allocation.sensitivity import Sensitivity, SiteChoices, relative_error, sensitivity
from snnconv.convert.calibration import CalibrationSettings
from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.methods.mse import mse
from snnconv.convert.calibration.walk import fitted, observed
from snnconv.convert.verification import verify
from snnconv.costs.activity import measure
from snnconv.costs.energy import AC_PJ, MAC_PJ
from snnconv.costs.fan_out import spike_fan_out
from snnconv.costs.routing import fired_spikes
from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.graph.access import operands
from snnconv.neurons import Coupling
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import channel_axis, iter_sites, swap
from snnconv.spiking.unrolling import collapse

T = 4
CANDIDATES = (4, 8, 16, 32)


def record(graph, x, nodes):
    """Outputs of nodes for a batch."""
    found = {}
    hooks = [
        graph.get_submodule(str(node.target)).register_forward_hook(
            lambda _, __, out, node=node: found.__setitem__(node, out)
        )
        for node in nodes
        if node.op == "call_module"
    ]
    graph(x)
    for hook in hooks:
        hook.remove()
    return {node: found.get(node, x) for node in nodes}


@pytest.mark.parametrize("name", CASES)
def test_fan_outs_tell_the_cost_of_every_spike(name):
    quantized, x = quantize(prepared(name), 8), images(prepared(name), 5)
    found = spike_fan_out(prepared(name).graph, x[:1], T)
    nodes = dict(iter_sites(quantized.graph))
    outputs = record(quantized.graph, x, nodes)
    landed = sum(
        float((fired_spikes(site, outputs[node].detach()).unary.double() * found.additions[str(node.target)]).sum())
        for node, site in nodes.items()
    )
    operations = measure(quantized.graph, [x], timesteps=T).operations
    assert landed / 5 == pytest.approx(operations.synops_per_image, rel=1e-9)
    assert found.fixed_pj == MAC_PJ * operations.macs_per_image + AC_PJ * operations.additions_per_image


@pytest.mark.parametrize("name", ["chain", "residual_of_spikes", "concat_of_spikes", "two_outputs", "flat_mlp"])
def test_sensitivity_against_one_network_for_each_site_and_candidate(name):
    ann, x = prepared(name), images(prepared(name), 20)
    found = sensitivity(ann, list(torch.split(x, 7)), CANDIDATES, T, rule=mse)
    assert [site.name for site in found.sites] == [str(node.target) for node, _ in iter_sites(ann.graph)]
    for index, choices in enumerate(found.sites):
        for place, total in enumerate(CANDIDATES):
            alone = ann.copy()
            node = list(iter_sites(alone.graph))[index][0]
            axis = channel_axis(alone.graph, node)
            received = record(ann.graph, x, operands(list(iter_sites(ann.graph))[index][0]))
            observation = observed(alone.graph, node, list(torch.split(next(iter(received.values())), 7)), axis)
            swap(alone.graph, node, fitted(observation, total, mse, axis))
            error = relative_error(alone.logits(x).flatten(1), ann.logits(x).flatten(1))
            assert choices.errors[place] == pytest.approx(error, rel=1e-4, abs=1e-9)
            spikes = measure(alone.graph, [x], timesteps=T).sites[index].spikes_per_image
            assert choices.spikes[place] == pytest.approx(spikes, rel=1e-9)
        assert choices.errors[-1] < choices.errors[0]
        assert choices.energies[-1] > choices.energies[0]


def test_a_site_that_is_never_active_stays_at_the_floor():
    ann, x = prepared("chain").copy(), images(prepared("chain"), 20)
    ann.graph.get_submodule("c2").bias.data -= 1000
    found = sensitivity(ann, [x], CANDIDATES, T, rule=mse)
    assert found.sites[1].energies == found.sites[1].errors == (0.0,) * 4
    assert {choice[1] for choice in front(found)} == {0}


def made(*sites):
    """Sites of (errors, energies)."""
    return Sensitivity(
        tuple(SiteChoices(str(i), CANDIDATES[: len(e)], e, e, c) for i, (e, c) in enumerate(sites)), fixed_pj=5.0
    )


def test_the_front_is_the_best_there_is_of_sites_of_falling_returns():
    found = made(
        ((9.0, 4.0, 2.0, 1.5), (1.0, 2.0, 4.0, 8.0)),
        ((8.0, 2.0, 1.0, 0.9), (3.0, 5.0, 9.0, 17.0)),
        ((1.0, 0.9, 0.89, 0.889), (1.0, 2.0, 3.0, 4.0)),
    )
    path = front(found)
    assert path[0] == (0, 0, 0)
    assert path[-1] == (3, 3, 3)
    assert len(path) == 10
    everything = list(product(range(4), repeat=3))
    for choice in path:
        within = [other for other in everything if found.energy_pj(other) <= found.energy_pj(choice)]
        assert found.error(choice) == pytest.approx(min(map(found.error, within)))


def test_the_front_skips_what_brings_nothing_and_takes_what_costs_nothing():
    found = made(((4.0, 5.0, 1.0, 1.0), (1.0, 2.0, 3.0, 4.0)), ((1.0, 0.5, 0.4, 0.4), (2.0, 2.0, 1.0, 9.0)))
    assert front(found) == ((0, 0), (0, 2), (2, 2))


def test_points_are_spread_over_the_path():
    found = made(((4.0, 3.0, 2.0, 1.0), (1.0, 10.0, 100.0, 1000.0)))
    assert spread(front(found), found, 7)[0] == 0
    assert spread(front(found), found, 2) == [0, 3]
    assert spread(((0,),), found, 7) == [0]


def test_images_are_taken_from_everywhere():
    batches = list(torch.split(torch.arange(100.0).view(100, 1), 30))
    taken = evenly(batches, 10)
    assert torch.cat(taken).flatten().tolist() == list(range(0, 100, 10))
    assert [len(batch) for batch in evenly(batches, 50)] == [30, 20]
    assert torch.equal(torch.cat(evenly(batches, 500)), torch.cat(batches))


@pytest.fixture(scope="module")
def ann():
    """Its answers are of several classes."""
    model = plain("concat_of_spikes").copy()
    head = next(module for module in model.graph.modules() if isinstance(module, torch.nn.Linear))
    head.bias.data -= model.logits(images(model, 600)).mean(0)
    assert len(model.logits(images(model, 60)).argmax(1).unique()) == 5
    return model


@pytest.fixture(scope="module")
def data(ann):
    return images(ann, 60)


@pytest.fixture(scope="module")
def unbounded(ann, data):
    return convert(ann, timesteps=T, total_levels="auto:4", calibration_data=data, calibration="bias")


def test_a_report_of_the_front(unbounded, ann, data):
    report = unbounded.report.precision
    assert (report.floor, report.candidates) == (4, (4, 8, 16, 32))
    assert report.sites == ("r1", "r2", "features")
    assert [point.total_levels for point in report.uniform] == [(n,) * 3 for n in (4, 8, 16, 32)]
    energies = [point.energy_pj_per_image for point in report.front]
    assert energies == sorted(energies)
    assert report.front[0] == report.uniform[0]
    assert report.chosen in (*report.front, *report.uniform)
    assert report.chosen.predicted_error <= report.uniform[2].predicted_error
    assert report.chosen == report.result
    assert "at most the error of N=16 everywhere" in report.reason
    assert report.images == 60
    levels = tuple(T * site.levels for _, site in iter_sites(unbounded.graph))
    assert levels == report.result.total_levels
    assert unbounded.provenance["conversion"]["total_levels"] == dict(zip(report.sites, levels, strict=True))
    assert unbounded.report.to_dict()["precision"]["chosen"]["total_levels"] == levels
    operations = measure(collapse(unbounded).graph, [data], timesteps=T).operations
    assert report.result.energy_pj_per_image == pytest.approx(operations.energy_pj_per_image)
    error = relative_error(collapse(unbounded).logits(data), ann.logits(data))
    assert report.result.error == pytest.approx(error, rel=1e-3)


def test_it_is_exact_and_repeatable(unbounded, ann, data):
    assert verify(collapse(unbounded), unbounded, images(ann, 6, seed=3)).tolerance <= 1e-9
    again = convert(ann, timesteps=T, total_levels="auto:4", calibration_data=data, calibration="bias")
    assert again.report.precision == unbounded.report.precision
    first, second = unbounded.graph.state_dict(), again.graph.state_dict()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_budget_of_energy_is_met(share, unbounded, ann, data):
    points = unbounded.report.precision.uniform
    low, high = points[0].energy_pj_per_image, points[-1].energy_pj_per_image
    budget = low + share * (high - low)
    report = convert(
        ann,
        timesteps=T,
        total_levels="auto:4",
        budget_energy_pj=budget,
        calibration_data=data,
        calibration="bias",
    ).report.precision
    assert report.result.energy_pj_per_image <= budget
    within = [p for p in (*report.front, *report.uniform) if p.energy_pj_per_image <= budget]
    assert report.result.error == min(point.error for point in within)


@pytest.mark.parametrize("method", ["bias", "mse", "max"])
def test_a_budget_of_agreement_is_met(method, unbounded, ann, data):
    points = unbounded.report.precision.uniform
    wanted = (points[0].agreement + points[-1].agreement) / 2
    report = convert(
        ann,
        timesteps=T,
        total_levels="auto:4",
        budget_accuracy=wanted,
        calibration_data=data,
        calibration=method,
    ).report.precision
    assert report.result.agreement >= wanted
    reaching = [p for p in (*report.front, *report.uniform) if p.agreement >= wanted]
    assert report.result.energy_pj_per_image == min(point.energy_pj_per_image for point in reaching)


def test_a_budget_that_cannot_be_met_names_the_nearest(unbounded, ann, data):
    more = {"timesteps": T, "total_levels": "auto:4", "calibration_data": data, "calibration": "bias"}
    with pytest.raises(InvalidValueError, match=r"at most 1 pJ an image: the least is .* pJ at N=4 everywhere") as said:
        convert(ann, budget_energy_pj=1.0, **more)
    named = float(str(said.value).split("the least is ")[1].split(" pJ")[0])
    assert convert(ann, budget_energy_pj=named, **more).report.precision.chosen.where == "N=4 everywhere"
    coarse = {**more, "timesteps": 1, "total_levels": "auto:1", "calibration_data": images(ann, 600)}
    with pytest.raises(InvalidValueError, match=r"on 100 % of .*: the best is .* % at N=.*, which costs .* pJ"):
        convert(ann, budget_accuracy=100, **coarse)


def test_a_final_calibration_beyond_the_budget_is_warned_about(unbounded, ann, data):
    """Of another network than the one that was measured."""
    prepared_ann, point = prepare(ann), unbounded.report.precision.uniform[1]
    for name, budget, value, said in (
        ("energy_pj", "budget_energy_pj", point.energy_pj_per_image, "pJ an image, the budget is"),
        ("agreement", "budget_accuracy", point.agreement, "agreement with the ANN, the budget is"),
    ):
        request = read_request(LevelsSettings(T, None, "auto:4", **{budget: value}))
        chosen = choose_levels(prepared_ann, [data], T, request, CalibrationSettings("bias"))
        other = quantize(prepared_ann, 64 if name == "energy_pj" else 1)
        with pytest.warns(SnnconvWarning, match=f"After the final calibration it is .* {said}"):
            chosen.finished(other, request)


def test_causal_coupling_and_no_data(ann):
    with pytest.warns(SnnconvWarning, match="--calibration-data"):
        snn = convert(ann, timesteps=2, total_levels="auto:4", coupling="causal", calibration_images=32)
    assert snn.coupling is Coupling.CAUSAL
    assert snn.report.precision.floor == 4


@pytest.mark.parametrize("given", [12, "12"])
def test_a_number_is_of_all_sites(given, ann, data):
    snn = convert(ann, timesteps=4, total_levels=given, calibration_data=data)
    assert (snn.levels, snn.report.total_levels, snn.report.precision) == (3, 12, None)


def test_the_floor_is_rounded_up_aloud():
    with pytest.warns(SnnconvWarning, match="N=6 levels is rounded up to 8, which T=4"):
        assert read_request(LevelsSettings(4, None, "auto:6")).candidates == (8, 16, 32, 64)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"levels": 2, "total_levels": 8}, "--levels or --total-levels"),
        ({"total_levels": 10}, "8 or 12"),
        ({"total_levels": "3"}, "nearest they do: 4"),
        ({"total_levels": 0}, "total_levels is 0"),
        ({"total_levels": True}, "total_levels is True"),
        ({"total_levels": 2.5}, "total_levels is 2.5"),
        ({"total_levels": "many"}, "'many': it must be a number N, or auto:FLOOR"),
        ({"total_levels": "auto"}, "as in auto:8"),
        ({"total_levels": "auto:x"}, "as in auto:8"),
        ({"total_levels": "auto:0"}, "floor of total_levels is 0"),
        ({"total_levels": "auto:8196"}, "at most 65536"),
        ({"total_levels": 1 << 17}, "at most 65536"),
        ({"budget_energy_pj": 1e6}, "--total-levels auto:FLOOR"),
        ({"total_levels": 8, "budget_accuracy": 99}, "--total-levels auto:FLOOR"),
        ({"total_levels": "auto:8", "budget_accuracy": 99, "budget_energy_pj": 1e6}, "both given"),
        ({"total_levels": "auto:8", "budget_energy_pj": 0.0}, "budget_energy_pj is 0.0"),
        ({"total_levels": "auto:8", "budget_energy_pj": float("nan")}, "budget_energy_pj is nan"),
        ({"total_levels": "auto:8", "budget_accuracy": 101.0}, "budget_accuracy is 101.0"),
    ],
)
def test_what_is_refused(wrong, named, ann):
    with pytest.raises(InvalidValueError, match=named):
        convert(ann, timesteps=4, **wrong)


def test_trained_levels_are_not_chosen(ann):
    with pytest.raises(InvalidValueError, match="trained with its own"):
        convert(quantize(ann, 8), timesteps=4, total_levels="auto:8")


def test_levels_where_outputs_are_no_classes():
    ann = plain("output_is_a_site")
    more = {"timesteps": T, "total_levels": "auto:4", "calibration_data": images(ann, 60), "calibration": "bias"}
    report = convert(ann, **more).report.precision
    assert {point.agreement for point in (*report.front, *report.uniform, report.result)} == {None}
    assert 0 < report.result.error < 1
    with pytest.raises(InvalidValueError, match=r"budget_accuracy is 90 percent of the classes, and .* names none"):
        convert(ann, budget_accuracy=90, **more)
