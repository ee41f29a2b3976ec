"""The page and pictures of couplings: what is measured, its tables, and the neurons of one current."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the pictures need matplotlib (pip install 'snnconv[report]')")

from benchmarks import choosing, choosing_plot, coupling_plot
from snnconv.neurons.qcfs.function import qcfs

PAGE = Path(__file__).parent.parent / "docs" / "choosing.md"
COUNTS = {"power_of_two": 0.25, "unary": 2.0, "graded": 1.0}


def point(way, agreement=99.0, latency=4, network="ResNet-8"):
    octaves = way.octaves or (8 if way.levels is None else None)
    return choosing.Point(network, way, octaves, 91.0, agreement, 92.0, latency, COUNTS, COUNTS, 1017)


POINTS = [point(way, 90.0 + place / 10) for place, way in enumerate(choosing.ways())]


def test_no_way_is_measured_twice_and_each_has_a_series():
    ways = list(choosing.ways())
    assert len(set(ways)) == len(ways)
    assert {choosing_plot.series(each) for each in POINTS} == set(choosing_plot.STYLES)


def test_points_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "results.json"
    assert choosing.measured(path) == []
    choosing.write(POINTS, path)
    assert choosing.measured(path) == POINTS
    assert json.loads(path.read_text())["points"][0] == asdict(POINTS[0])


def test_the_page_gets_one_line_a_point():
    text = choosing_plot.with_tables(PAGE.read_text(encoding="utf-8"), POINTS)
    again = choosing_plot.with_tables(text, POINTS)
    assert again == text
    assert "| mean, T=4, L=8 | 32 | 4 |" in text
    assert "| differential, T=4, K=6 |  | 4 |" in text
    assert "| differential, uniform, T=8, L=1 | 8 | 4 |" in text
    assert text.count("| differential, T=") == len(choosing.POWERS)


def test_the_picture_shows_every_series():
    svg = choosing_plot.picture([*POINTS, point(choosing.Way("mean", 1, 8), network="ResNet-20")])
    assert svg.startswith("<svg")
    assert all(name in svg for name in choosing_plot.STYLES)


def test_neurons_of_one_current():
    mean, causal, uniform, powers = coupling_plot.neurons()
    activation = coupling_plot.CURRENT.mean()
    total = coupling_plot.LEVELS * coupling_plot.TIMESTEPS
    level = qcfs(activation, coupling_plot.THRESHOLD * coupling_plot.LEVELS, total)
    assert mean.known[-1].item() == pytest.approx(level.item())
    assert uniform.known[-1].item() == pytest.approx(level.item())
    assert causal.known[-1] > 2 * activation
    assert powers.sent.sum().item() == pytest.approx(powers.known[-1].item())
    smallest = coupling_plot.LARGEST_MESSAGE * 2.0 ** (1 - coupling_plot.OCTAVES)
    assert abs(powers.known[-1] - activation) < smallest
