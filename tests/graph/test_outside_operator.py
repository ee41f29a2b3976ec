"""An operator that is registered from outside, as docs/extending.md shows: the whole road knows of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from graph_cases import classifier, conv, node
from torch import nn

from snnconv.convert import convert
from snnconv.errors import UnsupportedOperatorsError
from snnconv.formats.hardware import to_hardware
from snnconv.formats.onnx import save
from snnconv.graph.access import calls, module_of
from snnconv.graph.emission import EMITTERS
from snnconv.graph.node import HANDLERS
from snnconv.graph.operator import OPERATORS, NoForm
from snnconv.loading import load
from snnconv.model import Model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@pytest.fixture
def thresholded_relu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's example, for one test."""
    for registry in (EMITTERS, HANDLERS, OPERATORS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    section = PAGE.read_text().split("## An operator")[1].split("\n## ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.S)
    exec(example, {})


@pytest.fixture
def network(tmp_path: Path) -> Path:
    nodes = [
        conv("input", "c1"),
        node("ThresholdedRelu", "c1", "r1", alpha=0.25),
        conv("r1", "c2", "w2", "b2"),
        node("Relu", "c2", "features"),
    ]
    path = tmp_path / "network.onnx"
    path.write_bytes(classifier(nodes).SerializeToString())
    return path


def kinds(model: Model) -> set[type[nn.Module]]:
    return {type(module_of(model.graph, call)) for call in calls(model.graph)}


def test_without_a_record_it_is_refused_by_its_name(network: Path) -> None:
    with pytest.raises(UnsupportedOperatorsError, match="ThresholdedRelu 'r1': the operator is not known"):
        load(network)


@pytest.mark.usefixtures("thresholded_relu")
@pytest.mark.parametrize("coupling", ["mean", "causal"])
def test_with_a_record_it_converts(network: Path, coupling: str, tmp_path: Path) -> None:
    ann = load(network)
    images = torch.randn(64, *ann.input.sample_shape(), generator=torch.Generator().manual_seed(0))
    snn = convert(ann, timesteps=4, levels=16, coupling=coupling, calibration_data=images)
    assert nn.Threshold in kinds(snn)
    assert (snn.logits(images) - ann.logits(images)).abs().max() < 0.2 * ann.logits(images).abs().max()
    again = load(save(snn, tmp_path / "snn.onnx"))
    assert kinds(again) == kinds(snn)
    assert torch.equal(again.logits(images), snn.logits(images))


@pytest.mark.usefixtures("thresholded_relu")
def test_a_file_that_cannot_hold_it_says_why(network: Path, tmp_path: Path) -> None:
    ann = load(network)
    record = replace(OPERATORS[nn.Threshold], write=NoForm("it is never written"))
    OPERATORS._entries[nn.Threshold] = record
    del EMITTERS._entries[nn.Threshold]
    with pytest.raises(UnsupportedOperatorsError, match="Threshold 'r1': it is never written"):
        save(ann, tmp_path / "again.onnx")


@pytest.mark.usefixtures("thresholded_relu")
def test_its_reason_is_what_a_user_reads(network: Path) -> None:
    ann = load(network)
    images = torch.randn(16, *ann.input.sample_shape(), generator=torch.Generator().manual_seed(0))
    snn = convert(ann, timesteps=2, levels=4, calibration_data=images)
    with pytest.raises(UnsupportedOperatorsError, match="Threshold 'r1': it has no form in integers"):
        to_hardware(snn)
