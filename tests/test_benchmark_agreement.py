"""The README's picture: its figures are those of the results files, and a method without figures is not left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import agreement_plot
from benchmarks.conversion_plot import best_read_out

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"


def test_every_line_has_measured_figures() -> None:
    rows = [row for path in RESULTS.glob("conversion-*.json") for row in json.loads(path.read_text())["rows"]]
    best = [row for row in best_read_out(rows) if row["network"] == agreement_plot.NETWORK]
    for method in agreement_plot.LINES:
        curve = agreement_plot.curve(best, method)
        expected = [2, 4, 8] if method.startswith("ours, differential") else [1, 2, 4, 8, 16, 32]
        assert set(expected) <= {timesteps for timesteps, _ in curve}
        assert all(0 < agreement <= 100 for _, agreement in curve)
    assert dict(agreement_plot.curve(best, "ours, mean, L=8"))[4] == pytest.approx(98.0, abs=0.05)  # docs/conversion.md


def test_a_method_without_figures_is_named() -> None:
    with pytest.raises(SystemExit, match="no figures of 'ours, mean, L=8'"):
        agreement_plot.curve([], "ours, mean, L=8")
