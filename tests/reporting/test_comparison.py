"""Networks side by side: fronts, settings, latency, the page."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from graph_cases import classifier, conv, model_of, node
from page_checks import check
from report_cases import COUNT, NASTY, labelled

from snnconv.convert import convert
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation import ann_energy, evaluate
from snnconv.evaluation.accuracy import standard_error_of_difference
from snnconv.neurons import Coupling, LearnableMultiThreshold
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.reporting import Grid, compare, gather
from snnconv.reporting.comparison import Lead
from snnconv.reporting.comparison_view import comparison_view
from snnconv.reporting.gather_comparison import gather_comparison
from snnconv.reporting.page import render
from snnconv.reporting.pareto import pareto_front
from snnconv.spiking.sites import iter_sites, swap
from snnconv.spiking.unrolling import spike


def page_of(found):
    return render("compare.html.j2", comparison_view(found))


def test_a_front_is_what_no_other_point_beats():
    points = list(itertools.product((1.0, 2.0, 3.0, None), (80.0, 90.0)))
    for some in itertools.combinations_with_replacement(points, 3):
        costs, scores = zip(*some, strict=True)
        wanted = []
        for cost, score in some:
            beaten = cost is None
            for other, its in some:
                if cost is not None and other is not None and other <= cost and its >= score:
                    beaten = beaten or other < cost or its > score
            wanted.append(not beaten)
        assert pareto_front(costs, scores) == tuple(wanted)


def test_settings_keep_what_is_not_chosen(quantized, snn):
    assert [setting.model for setting in Grid().settings(snn)] == [snn]
    found = list(Grid((1, 2, 8), None, ("mean", "causal")).settings(snn))
    assert [(each.model.timesteps, each.model.levels, each.model.coupling.value) for each in found] == [
        (steps, 8 // steps, coupling) for steps in (1, 2, 8) for coupling in ("mean", "causal")
    ]
    assert all(each.note == "" for each in found)
    (own,) = Grid((4,)).settings(snn)
    assert own.model is snn
    (other,) = Grid((4,), (1,)).settings(quantized)
    assert "N=8" in other.note


@pytest.mark.parametrize(
    ("grid", "what", "error"),
    [
        (Grid((3,)), "snn", InvalidValueError),  # does not divide 8
        (Grid((4,), (65536,)), "snn", InvalidValueError),
        (Grid(couplings=("causal",)), "quantized", InvalidValueError),  # at which T?
        (Grid((4,)), "ann", ModelError),
    ],
)
def test_settings_that_cannot_be(grid, what, error, ann, quantized, snn):
    with pytest.raises(error):
        list(grid.settings({"ann": ann, "quantized": quantized, "snn": snn}[what]))


@pytest.fixture
def learned(snn):
    """The network as LM-HT, its coupling and leak no longer where they start."""
    model = snn.copy()
    for place, site in list(iter_sites(model.graph)):
        neuron = LearnableMultiThreshold(site.ceiling, 4, 2, channel_axis=site.channel_axis)
        torch.nn.init.normal_(neuron.mixing)
        torch.nn.init.constant_(neuron.leakage, 0.5)
        swap(model.graph, place, neuron)
    assert model.coupling is Coupling.LEARNED
    return replace(model, provenance={"source": "learned.onnx"})


def test_a_learned_coupling_stays_at_its_own_timesteps(learned):
    (own,) = Grid((4,)).settings(learned)
    assert own.model is learned
    (more,) = Grid((4,), (4,)).settings(learned)
    assert more.note == "calibrated for N=8"
    assert (more.model.coupling, more.model.levels) == (Coupling.LEARNED, 4)
    pairs = zip(iter_sites(learned.graph), iter_sites(more.model.graph), strict=True)
    assert all(torch.equal(a.mixing, b.mixing) and torch.equal(a.leakage, b.leakage) for (_, a), (_, b) in pairs)
    (mean,) = Grid((2,), None, ("mean",)).settings(learned)
    assert (mean.note, mean.model.coupling) == ("without the learned coupling and leak", Coupling.MEAN)
    with pytest.raises(ModelError, match=r"learned.onnx.*LM-HT.*belong to T=4; at T=2 .*finetune --timesteps 2"):
        list(Grid((4, 2)).settings(learned))


def test_calibrated_initial_potentials_that_are_left_out_are_named(quantized):
    causal = spike(quantized, 4, coupling=Coupling.CAUSAL)
    assert [each.note for each in Grid((2,)).settings(causal)] == [""]
    for _, site in iter_sites(causal.graph):
        site.initial.fill_(0.75)
    assert [each.note for each in Grid((4, 2)).settings(causal)] == ["", "without the calibrated initial potentials"]


@pytest.mark.parametrize("values", [{"timesteps": (0,)}, {"levels": (2, -1)}, {"couplings": ("learned",)}])
def test_grids_that_cannot_be(values):
    with pytest.raises(InvalidValueError):
        Grid(**values)


def test_every_contender_is_what_evaluate_says(ann, quantized, snn, images):
    spec = images.spec
    found = gather_comparison(
        [("ann", ann), ("quantized", quantized), ("snn", snn)], spec, against=("ann", ann), counted_images=8
    )
    causal = gather_comparison([("snn", snn)], spec, grid=Grid(couplings=("causal",)), counted_images=8)
    models = [ann, quantized, snn, spike(quantized, 4, coupling=Coupling.CAUSAL)]
    for each, model in zip((*found.contenders, *causal.contenders), models, strict=True):
        wanted = evaluate(model, images, against=ann, activity_images=8)
        assert each.accuracy == pytest.approx(wanted.accuracy)
        assert each.energy_pj == pytest.approx(wanted.operations.energy_pj_per_image)
        counted = [energy.energy_pj for energy in each.energy_by_count]
        assert counted == pytest.approx([wanted.operations.estimate(count).energy_pj_per_image for count in SpikeCount])
    assert found.contenders[0].agreement == 100
    assert [each.latency_steps for each in found.contenders] == [None, None, 8]
    assert causal.contenders[0].latency_steps == 4
    assert any(each.on_energy_front for each in found.contenders)
    assert found.contenders[2].on_latency_front
    rows = comparison_view(found)["count_rows"]
    assert [row[0] for row in rows] == ["1", "2", "3, unary", "3, power-of-two", "3, graded", "reference"]
    assert rows[0][2] == rows[-1][2]  # the ANN is its own reference
    check(page_of(found))
    check(page_of(causal))


def test_one_network_has_one_energy(tmp_path):
    """A batch-norm that folds is counted nowhere: as contender, as reference, evaluated, reported, behind an SNN."""
    norm = {name: np.linspace(0.5, 1.5, 4, dtype=np.float32) for name in ("g", "b", "m", "v")}
    nodes = [conv("input", "c1"), node("BatchNormalization", "c1 g b m v", "n1"), node("Relu", "n1", "features")]
    ann = model_of(classifier(nodes, norm))
    images = labelled(ann, tmp_path / "images.npz")
    snn = convert(ann, timesteps=4, levels=2, calibration_data=images, calibration_images=COUNT)
    wanted = ann_energy(ann).energy_pj_per_image
    found = gather_comparison([("ann", ann), ("snn", snn)], images.spec, against=("ann", ann))
    assert found.contenders[0].energy_pj == found.reference.energy_pj == wanted
    assert evaluate(ann, images).operations.energy_pj_per_image == wanted
    assert gather(ann, images).summary.energy_pj == gather(snn, images).summary.ann_energy_pj == wanted
    other = gather_comparison([("ann", ann)], images.spec, against=("snn", snn))
    assert other.reference.energy_pj == found.contenders[1].energy_pj


def by_hand(one, other):
    """Standard error of a mean of differences, each -1, 0 or 1, in points."""
    differences = [100 * (a - b) for a, b in zip(one, other, strict=True)]
    mean = sum(differences) / len(differences)
    return math.sqrt(sum((each - mean) ** 2 for each in differences)) / len(differences)


def test_the_standard_error_of_a_difference_is_paired():
    random = np.random.default_rng(0)
    for share in (0.02, 0.5):
        one = random.random(200) < 0.8
        other = one ^ (random.random(200) < share)
        found = standard_error_of_difference(one.tolist(), other.tolist())
        assert found == pytest.approx(by_hand(one.astype(int), other.astype(int)))


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        (0.78, 0.55, "there is no clear difference between network 1 (20.70 %) and network 2"),
        (0.78, 0.3, "network 1 (20.70 %) is the best, 0.78 points before network 2 (19.92 %) (standard error 0.3"),
        (0.0, 0.0, "are equally good (standard error 0.0 points)"),
    ],
)
def test_the_verdict_tells_chance_from_a_lead(points, error, words, ann, snn, images):
    found = gather_comparison([("ann", ann), ("snn", snn)], images.spec)
    contenders = [replace(each, accuracy=20.70 - points * at) for at, each in enumerate(found.contenders)]
    lead = Lead(1, 2, points, error)
    assert words in comparison_view(replace(found, contenders=tuple(contenders), lead=lead))["verdict"]


def test_the_lead_is_that_of_the_two_best(ann, quantized, snn, images):
    found = gather_comparison([("snn", snn), ("ann", ann), ("quantized", quantized)], images.spec, against=("ann", ann))
    scores = sorted((each.accuracy for each in found.contenders), reverse=True)
    assert found.lead.points == pytest.approx(scores[0] - scores[1])
    assert found.to_dict()["lead"]["best"] == found.lead.best
    alone = gather_comparison([("ann", ann)], images.spec)
    assert alone.lead is None
    assert "the network has" in comparison_view(alone)["verdict"]


def test_without_labels_agreement_counts(ann, snn, tmp_path):
    spec = labelled(ann, tmp_path / "i.npz", labels=False).spec
    found = gather_comparison([("snn", snn)], spec, against=("ann", ann))
    assert found.score == "agreement"
    check(page_of(found))
    with pytest.raises(DataError, match="--against"):
        gather_comparison([("snn", snn)], spec)


def test_nasty_names(nasty, images, tmp_path):
    snn, _ = nasty
    folder = tmp_path / "written"
    folder.mkdir()
    compare([snn, snn], images.spec, folder / "c.html", command=NASTY[0])
    html = (folder / "c.html").read_text()
    check(html)
    assert "<script" not in html
    assert sorted(path.name for path in folder.iterdir()) == ["c.html", "c.json"]
