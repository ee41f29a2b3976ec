"""`snnconv report` and `snnconv compare`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def snn(run: Callable[..., Any], here: Path) -> str:
    assert run("convert", "net.onnx", "--calibration-data", "npz:data.npz", "--mean", "0", "--std", "1").code == 0
    return "net-snn.onnx"


def test_report(run: Callable[..., Any], here: Path, snn: str) -> None:
    ran = run("report", snn, "--data", "npz:data.npz", "--against", "net.onnx")
    assert ran.code == 0, ran.err
    assert "Wrote report.html and report.json." in ran.out
    html, numbers = (here / "report.html").read_text(), json.loads((here / "report.json").read_text())
    assert "snnconv report net-snn.onnx --data npz:data.npz --against net.onnx" in html
    assert numbers["title"] == "net-snn.onnx"
    assert numbers["provenance"]["network"]["conversion"]["seed"] == 0
    assert len(numbers["provenance"]["network"]["source_sha256"]) == 64
    again = run("report", snn, "--data", "npz:data.npz", "--against", "net.onnx", "--json")
    assert again.json["summary"] == numbers["summary"]
    assert again.json["sites"] == numbers["sites"]


def test_report_of_a_plain_network_without_labels(run: Callable[..., Any], here: Path) -> None:
    ran = run("report", "net.onnx", "--data", "npz:plain.npz", "--mean", "0", "--std", "1", "-o", "plain.html")
    assert ran.code == 0, ran.err
    assert "nothing says how good it is" in ran.out
    assert re.findall(r'<section id="(\w+)"', (here / "plain.html").read_text())[0] == "sites"


def test_compare(run: Callable[..., Any], here: Path, snn: str) -> None:
    grid = ("--timesteps", "1,4", "--coupling", "mean,causal")
    ran = run("compare", snn, "--data", "npz:data.npz", "--against", "net.onnx", *grid, "--json")
    assert ran.code == 0, ran.err
    found = ran.json["contenders"]
    assert [(each["timesteps"], each["coupling"]) for each in found] == [
        (steps, coupling) for steps in (1, 4) for coupling in ("mean", "causal")
    ]
    assert any(each["on_energy_front"] for each in found)
    assert json.loads((here / "compare.json").read_text())["contenders"] == found
    assert "snnconv compare" in (here / "compare.html").read_text()
    table = run("compare", snn, "net.onnx", "--data", "npz:data.npz", "-o", "two.html").out
    assert "net.onnx" in table
    assert "Wrote two.html and two.json." in table


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("report", "net.onnx"), "Missing option '--data'"),
        (("report", "missing.onnx", "--data", "digits"), "missing.onnx does not exist"),
        (("report", "net.onnx", "--data", "npz:data.npz", "-o", "report.pdf"), "ends in .html"),
        (("report", "net.onnx", "--data", "npz:data.npz", "-o", "no/report.html"), "does not exist"),
        (("report", "net.onnx", "--data", "npz:data.npz", "-o", "net.html", "--limit", "0"), "--limit"),
        (("report", "net.onnx", "--data", "nonsense", "-o", "r.html"), "known kind of data"),
        (("compare", "--data", "npz:data.npz"), "Missing argument"),
        (("compare", "net.onnx", "--data", "npz:data.npz", "--timesteps", "2,x"), "list of whole numbers"),
        (("compare", "net.onnx", "--data", "npz:data.npz", "--timesteps", "0"), "list of whole numbers"),
        (("compare", "net.onnx", "--data", "npz:data.npz", "--coupling", "learned"), "must be mean, causal"),
        (
            ("compare", "net.onnx", "--data", "npz:data.npz", "--spike-count", "binary"),
            "'unary', 'power-of-two', 'graded'",
        ),
        (("compare", "net.onnx", "--data", "npz:data.npz", "--timesteps", "2"), "plain network has no T"),
        (("compare", "net.onnx", "--data", "npz:plain.npz"), "--against"),
    ],
)
def test_what_is_refused(command: tuple[str, ...], why: str, refused: Callable[..., str]) -> None:
    assert why in refused(*command)


def test_data_are_not_written_over(refused: Callable[..., str], here: Path) -> None:
    (here / "data.npz").rename(here / "data.json")
    assert "is a file that is read" in refused("report", "net.onnx", "--data", "npz:data.json", "-o", "data.html")
