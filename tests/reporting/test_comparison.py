"""Networks side by side: fronts, settings, latency, the page."""

from __future__ import annotations

import itertools

import pytest
from page_checks import check
from report_cases import NASTY, labelled

from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation import evaluate
from snnconv.neurons import Coupling
from snnconv.reporting import Grid, compare
from snnconv.reporting.comparison import gather_comparison
from snnconv.reporting.comparison_view import comparison_view
from snnconv.reporting.page import render
from snnconv.reporting.pareto import front
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
        assert front(costs, scores) == tuple(wanted)


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
    assert found.contenders[0].agreement == 100
    assert [each.latency_steps for each in found.contenders] == [None, None, 8]
    assert causal.contenders[0].latency_steps == 4
    assert any(each.on_energy_front for each in found.contenders)
    assert found.contenders[2].on_latency_front
    check(page_of(found))
    check(page_of(causal))


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
