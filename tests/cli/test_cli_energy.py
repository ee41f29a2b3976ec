"""`snnconv evaluate --energy-model` and what is printed of energy."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

EVALUATE = ("evaluate", "snn.onnx", "--data", "npz:data.npz")
SHIPPED = files("snnconv.costs").joinpath("energy.toml").read_text()


@pytest.fixture
def spiking(run: Callable[..., Any], here: Path) -> Path:
    """A folder with a spiking network."""
    convert = ("convert", "net.onnx", "-T", 2, "--calibration-data", "npz:data.npz", "--calibration", "mse")
    assert run(*convert, "-o", "snn.onnx").code == 0
    return here


def test_another_energy_model(run: Callable[..., Any], spiking: Path) -> None:
    (spiking / "mine.toml").write_text(SHIPPED.replace("value = 0.9", "value = 1.8").replace("45 nm", "my chip"))
    usual = run(*EVALUATE, "--json").json
    other = run(*EVALUATE, "--energy-model", "mine.toml", "--json").json
    additions = usual["synops_per_image"] + usual["additions_per_image"]
    assert other["energy_pj_per_image"] - usual["energy_pj_per_image"] == pytest.approx(0.9 * additions)
    assert sum(layer["energy_pj_per_image"] for layer in other["layers"]) == pytest.approx(other["energy_pj_per_image"])
    printed = run(*EVALUATE, "--energy-model", "mine.toml").out
    assert "my chip" in printed
    assert "neuron updates, not included above" in printed
    assert "memory accesses, not included above" in printed


def test_three_counts_stand_beside_the_plain_network(run: Callable[..., Any], spiking: Path) -> None:
    found = run(*EVALUATE, "--against", "net.onnx", "--json").json
    ran = run(*EVALUATE, "--against", "net.onnx")
    assert ran.code == 0
    table = ran.out.partition("by the way that spikes are counted")[2]
    for count, shares in found["energy_over_ann"].items():
        (line,) = (line for line in table.splitlines() if line.strip("│ ").startswith(count.replace("_", "-")))
        assert f"{shares['energy']:.3f}" in line
        assert f"{shares['energy_with_memory']:.3f}" in line
        assert f"{found['energy_by_count'][count]['synops_per_image']:,.0f}" in line
    assert "shares are of the ANN's" in table
    assert f"{found['ann_energy']['energy_pj_per_image'] / 1e6:.4g} µJ" in table
    assert "shares are of the plain network's" in run(*EVALUATE).out
    assert "estimated energy per image, unary" in ran.out


def test_a_network_without_spikes_has_one_row(run: Callable[..., Any], spiking: Path) -> None:
    alone = run("evaluate", "net.onnx", "--data", "npz:data.npz").out
    assert "by the way that spikes are counted" not in alone
    assert "unary" not in alone.partition("An operation-count estimate")[0]
    beside = run("evaluate", "net.onnx", "--data", "npz:data.npz", "--against", "net.onnx").out
    assert "this network" in beside
    assert "1.000" in beside


def test_an_energy_model_that_is_none(run: Callable[..., Any], spiking: Path) -> None:
    for text, said in ((SHIPPED.replace("4.6", "-4.6", 1), "value is -4.6"), ("name", "no TOML file")):
        (spiking / "mine.toml").write_text(text)
        ran = run(*EVALUATE, "--energy-model", "mine.toml")
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
    assert "does not exist" in run(*EVALUATE, "--energy-model", "none.toml").err
    assert run("export", "snn.onnx", "--form", "stepped", "--int8", "-o", "int8.onnx").code == 0
    (spiking / "mine.toml").write_text(SHIPPED.replace("4.6", "4.5"))
    ran = run("evaluate", "int8.onnx", "--data", "npz:data.npz", "--energy-model", "mine.toml")
    assert ran.code == 2
    assert "leave the energy model out" in ran.err
