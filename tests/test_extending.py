"""docs/extending.md as it stands: its blocks are one file of another distribution, and the whole road knows of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from graph_cases import classifier, conv, node

from snnconv.convert.calibration import METHODS
from snnconv.data.scheme import ordered_schemes

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
SECTIONS = ("An operator", "A neuron", "A calibration method", "An export format", "A data scheme")
MOST_LINES = 20


def block(section: str) -> str:
    """The Python of one section of the page."""
    text = PAGE.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    return example


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """A folder with a distribution that announces the page's blocks, and a network with the page's operator."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "wavelets.py").write_text("\n\n".join(map(block, SECTIONS)))
    info = folder / "wavelets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wavelets\nVersion: 1.0\n")
    (announced,) = re.findall(r"```toml\n.*?\[project.entry-points.\"(.*?)\"\]\n(.*?)```", PAGE.read_text(), re.S)
    (info / "entry_points.txt").write_text(f"[{announced[0]}]\n{announced[1].replace(chr(34), '')}")
    nodes = [
        conv("input", "c1"),
        node("ThresholdedRelu", "c1", "e1", alpha=0.5),
        conv("e1", "c2", "w2", "b2"),
        node("Relu", "c2", "features"),
    ]
    stem = np.random.default_rng(0).standard_normal((4, 1, 3, 3))
    (folder / "net.onnx").write_bytes(classifier(nodes, {"w1": stem}, shape=(1, 8, 8)).SerializeToString())
    return folder


def run(folder: Path, *words: str) -> str:
    """Run Python in a process of its own, which finds the distribution; return what it prints."""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert "plug-in" not in ran.stderr
    return ran.stdout


@pytest.mark.parametrize("section", SECTIONS)
def test_each_addition_takes_twenty_lines(section):
    lines = [line for line in block(section).splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= 120 for line in lines)


IN_PYTHON = """
import snnconv

snn = snnconv.convert(
    "net.onnx", timesteps=2, levels=4, coupling="causal", neuron="memoryless",
    calibration="headroom", calibration_data="stripes:64",
)
print(snn.report.method.method, snn.report.calibration)
snnconv.save(snn, "python-snn.onnx")
again = snnconv.load("python-snn.onnx")
names = {type(module).__name__ for module in again.graph.modules()}
print(*sorted(names & {"Threshold", "Memoryless", "MultiThreshold"}))
print(snnconv.evaluate(again, "stripes:8", against="net.onnx").agreement)

from snnconv.formats import FORMATS

export_format = FORMATS["thresholds"]()
export_format.write(again, export_format.settings()).save("python-thresholds.json")
"""


def test_in_python(outside):
    method, kinds, agreement = run(outside, "-c", IN_PYTHON).splitlines()
    assert method == "headroom stripes:64, seed 0"
    assert kinds == "Memoryless Threshold"
    assert 0 <= float(agreement) <= 100
    assert len(json.loads((outside / "python-thresholds.json").read_text())) == 2


def test_on_the_command_line(outside):
    page = PAGE.read_text().split("```text\n")[1].split("```")[0]
    convert, export = (line.split()[1:] for line in page.splitlines() if line.startswith("snnconv "))
    assert convert[:2] == ["convert", "net.onnx"]
    converted = json.loads(run(outside, "-m", "snnconv.cli", *convert, "-T", "2", "-L", "4", "--json"))
    assert (converted["method"]["method"], converted["output"]) == ("headroom", "net-snn.onnx")
    exported = json.loads(run(outside, "-m", "snnconv.cli", *export, "--json"))
    assert (exported["format"], exported["file"]) == ("thresholds", "net-snn-thresholds.json")
    assert len(json.loads((outside / exported["file"]).read_text())) == 2


@pytest.mark.parametrize(
    ("verb", "words"), [("convert", ("|headroom]", "stripes:COUNT;")), ("export", ("|thresholds]", "stripes:COUNT;"))]
)
def test_in_the_help(outside, verb, words):
    text = " ".join(run(outside, "-m", "snnconv.cli", verb, "--help").split())
    assert all(word in text for word in words)


def test_a_name_that_is_nearly_right(outside):
    ran = subprocess.run(
        [sys.executable, "-m", "snnconv.cli", "convert", "net.onnx", "--calibration-data", "strips:8"],
        cwd=outside,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(outside), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 2
    assert "Did you mean 'stripes:COUNT'?" in ran.stderr


def test_the_lists_of_the_documentation_are_the_registries():
    methods = re.findall(r"^\| `(\w+)`", (PAGE.parent / "calibration.md").read_text(), re.M)
    assert sorted(set(methods) & set(METHODS)) == sorted(METHODS)
    cells = re.findall(r"^\| (`.*?) \|", (PAGE.parent / "data.md").read_text(), re.M)
    forms = {form.replace("…", "...") for cell in cells for form in re.findall(r"`(.+?)`", cell)}
    assert {scheme.form for scheme in ordered_schemes().values()} <= forms
