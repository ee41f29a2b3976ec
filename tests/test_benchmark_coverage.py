"""The coverage sweep: its table of networks, the causes of refusals, its page, and one network through it."""

from __future__ import annotations

import doctest

import pytest
import timm
import torch
from torch import nn

from benchmarks import coverage, coverage_causes, coverage_network, coverage_page
from benchmarks.coverage_models import FAMILIES, is_rectifying
from snnconv.errors import UnsupportedNode
from snnconv.graph.refusals import BY_OPERATOR


def test_every_family_and_every_network_of_the_table_exists() -> None:
    assert set(FAMILIES) <= set(timm.models.list_modules())
    for family, names in FAMILIES.items():
        assert [coverage_network.family_of(name) for name in names] == [family] * len(names)
    assert all(timm.is_model(name) for name in coverage.sweep_names())


def test_reasons_are_short_and_counted() -> None:
    nodes = [
        UnsupportedNode("a", "GRU", BY_OPERATOR["GRU"]),
        UnsupportedNode("b", "LSTM", BY_OPERATOR["LSTM"]),
        UnsupportedNode("c", "Resize", "its mode 'cubic' is not supported; nearest and linear are"),
        UnsupportedNode("d", "Hardmax", "the operator is not known"),
    ]
    assert coverage_network.reasons(nodes) == {
        "a recurrent layer (LSTM, GRU)": 2,
        "Resize: its mode 'cubic' is not supported; nearest and linear are": 1,
        "Hardmax: the operator is not known": 1,
    }


def test_names_tell_rectifying_networks() -> None:
    assert is_rectifying({"Conv2d", "BatchNormAct2d", "ReLU", "LeakyReLU", "Hardswish", "SplitAttn", "Sigmoid"})
    assert not any(is_rectifying({"ReLU", name}) for name in ("SiLU", "GELU", "ELU", "LayerNorm2d", "WindowAttention"))


def test_settled_norms_have_the_statistics_of_the_images() -> None:
    norm = nn.BatchNorm2d(3)
    nn.init.zeros_(norm.weight)
    images = 3 + 2 * torch.randn(8, 3, 4, 4)
    coverage_network.settle(norm, images, 1.0)
    torch.testing.assert_close(norm.running_mean, images.mean((0, 2, 3)))
    assert norm.weight.eq(coverage_network.LAST_SCALE).all()
    assert norm.bias.eq(1).all()
    assert (norm.momentum, norm.training) == (0.1, False)


CONVERTED = {
    "network": "a",
    "family": "g",
    "outcome": "converted",
    "sites": 3,
    "error": 0.25,
    "fitted": 0.2,
    "differential": 0.3,
    "imported": 1e-6,
    "rounding": 0.15,
    "noise": 0.1,
    "side": 96,
    "seconds": 2.0,
    "gib": 0.5,
}
REFUSED = {
    "network": "b",
    "family": "f",
    "outcome": "refused",
    "reasons": {"GELU": 2, "attention": 1},
    "seconds": 1.0,
}
FAILED = {"network": "c", "family": "f", "outcome": "failed", "reasons": {"not done after 300 s": 1}, "seconds": 300.0}
ENVIRONMENT = {"timm": "1.0", "cores": 2, "processor": "A", "date": "2026-01-01"}


def test_the_page_has_a_line_for_each_network() -> None:
    lines = coverage_page.page([REFUSED, CONVERTED, FAILED], ENVIRONMENT, ["a", "b", "d"]).splitlines()
    assert "**4 networks: 1 converted, 1 failed, 1 refused, 1 not run.** Measured on 2 cores (A), 2026-01-01." in lines
    assert "| a | g | 3 | 0.250 | 0.200 | 0.300 | 0.150 | 0.100 | 1e-06 | 96 | 2.0 | 0.5 |" in lines
    assert "| rounding | 0.15 | 0.15 |" in lines
    assert lines[-6:] == [
        "| b | f | GELU (2), attention | 1.0 |",
        "| c | f | failed: not done after 300 s | 300.0 |",
        "",
        "## Not run",
        "",
        "d",
    ]


def test_causes_are_short_whatever_the_nodes_and_weights_are_called() -> None:
    assert doctest.testmod(coverage_causes).failed == 0
    weights = {f"CastLike: its weight 'blocks.{index}.max' holds NaN or infinite values": 1 for index in range(400)}
    assert coverage_causes.short_causes({**weights, "LayerNorm": 2}) == [
        "NaN or infinite weights (400)",
        "LayerNorm (2)",
    ]
    letters = dict.fromkeys("abcdef", 1)
    assert coverage_causes.short_causes(letters) == ["a", "b", "c", "d", "and 2 more"]


@pytest.mark.parametrize("name", ["test_resnet"])
def test_one_network_through_the_sweep(name: str) -> None:
    row = coverage_network.measure(name, coverage_network.SHIFT)
    assert (row["outcome"], row["family"]) == ("converted", "resnet")
    assert 0 < row["error"] < 0.1
    assert row["error"] == pytest.approx(row["rounding"], rel=0.5)


def test_silent_channels_do_not_blow_up() -> None:
    norm = nn.BatchNorm2d(3)
    images = torch.randn(8, 3, 4, 4)
    images[:, 1] = 0
    coverage_network.settle(norm, images, 0.0)
    assert norm.running_var.min() > coverage_network.LEAST_VARIANCE / 2
