"""Tiny networks of each stage, data for them, and a report of one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph_cases import plain, prepared, quantize
from report_cases import COUNT, NASTY, labelled, nasty_network

from snnconv.convert import convert
from snnconv.loading import load
from snnconv.reporting import ReportOptions, gather
from snnconv.spiking.unrolling import spike


@pytest.fixture(scope="session")
def ann():
    return plain("chain")


@pytest.fixture(scope="session")
def quantized():
    return quantize(prepared("chain"), 8)


@pytest.fixture(scope="session")
def snn(quantized):
    return spike(quantized, 4)


@pytest.fixture
def images(ann, tmp_path):
    return labelled(ann, tmp_path / "images.npz")


@pytest.fixture
def found(snn, ann, images):
    return gather(snn, images, against=ann, options=ReportOptions(site_images=COUNT))


@pytest.fixture
def nasty(tmp_path):
    """A file of nasty names, and the network converted from it."""
    source = load(nasty_network(tmp_path / "nasty.onnx"))
    snn = convert(
        source, timesteps=4, levels=2, calibration_data=labelled(source, tmp_path / "c.npz"), calibration_images=COUNT
    )
    return replace(snn, provenance={**snn.provenance, "source": NASTY[0], "remark": [NASTY[0], float("nan")]}), source
