"""Levels of each site on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONVERT = ("convert", "net.onnx", "-T", 2, "--calibration-data", "npz:plain.npz", "--calibration", "bias")
INPUT = ("--mean", "0.5", "--std", "0.3")


def test_levels_by_sensitivity(run: Callable[..., Any], here: Path) -> None:
    found = run(*CONVERT, *INPUT, "--total-levels", "auto:4", "-o", "snn.onnx", "--json").json
    precision = found["precision"]
    assert precision["candidates"] == [4, 8, 16, 32]
    assert precision["sites"] == ["relu1", "relu2"]
    point = precision["result"]
    assert set(point) == {
        "energy_pj_per_image",
        "spikes_per_image",
        "predicted_error",
        "error",
        "agreement",
        "mean_total_levels",
        "total_levels",
    }
    assert point["mean_total_levels"] == sum(point["total_levels"]) / 2
    assert len(precision["front"]) >= 4
    assert len(precision["uniform"]) == 4
    sites = found["verification"]["sites"]
    assert [site["total_levels"] for site in sites] == point["total_levels"]
    evaluated = run("evaluate", "snn.onnx", "--data", "npz:data.npz", "--json").json
    assert evaluated["total_levels_range"] == [min(point["total_levels"]), max(point["total_levels"])]


def test_what_is_printed(run: Callable[..., Any], here: Path) -> None:
    ran = run(*CONVERT, *INPUT, "-N", "auto:4", "--budget-accuracy", "50", "-o", "snn.onnx")
    assert ran.code == 0
    assert "Levels: front of 4 to 32 a site, measured on 20 calibration images" in ran.out
    assert "Chosen: N=" in ran.out
    assert "uniform" in ran.out


def test_a_mixed_network_is_printed_as_a_range(run: Callable[..., Any], here: Path) -> None:
    """The budget lies between two uniform networks; whatever it chose, both verbs name the same levels."""
    points = run(*CONVERT, *INPUT, "-N", "auto:4", "-o", "snn.onnx", "--json").json["precision"]["front"]
    mixed = next(point for point in points if len(set(point["total_levels"])) > 1)
    budget = mixed["energy_pj_per_image"] * 1.0001
    ran = run(*CONVERT, *INPUT, "-N", "auto:4", "--budget-energy-pj", budget, "-o", "snn.onnx", "--json")
    levels = ran.json["precision"]["result"]["total_levels"]
    words = f"{min(levels)}..{max(levels)} (mixed)" if len(set(levels)) > 1 else None
    out = run("evaluate", "snn.onnx", "--data", "npz:data.npz").out
    assert (f"N={words}" if words else f"L={levels[0] // 2}") in out


def test_a_number_of_levels(run: Callable[..., Any], here: Path) -> None:
    found = run(*CONVERT, *INPUT, "--total-levels", 8, "-o", "snn.onnx", "--json").json
    assert (found["levels"], found["total_levels"], found["precision"]) == (4, 8, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--total-levels", "9"), "8 or 10"),
        (("--total-levels", "9", "--levels", "4"), "--levels or --total-levels"),
        (("--total-levels", "auto"), "auto:8"),
        (("--budget-accuracy", "99"), "--total-levels auto:FLOOR"),
        (("--total-levels", "auto:4", "--budget-accuracy", "101"), "--budget-accuracy"),
        (("--total-levels", "auto:4", "--budget-energy-pj", "0"), "--budget-energy-pj"),
        (("--total-levels", "auto:4", "--budget-energy-pj", "1"), "at N=4 everywhere"),
    ],
)
def test_what_is_refused(options: tuple[str, ...], said: str, refused: Callable[..., str]) -> None:
    assert said in refused(*CONVERT, *INPUT, *options)
