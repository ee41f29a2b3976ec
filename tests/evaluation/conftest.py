"""Tiny networks of each stage, and tiny data sets."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_networks import classifier, quantize

from snnconv.data.datasets import open_data
from snnconv.spiking.unrolling import spike


@pytest.fixture(scope="session")
def ann():
    return classifier()


@pytest.fixture(scope="session")
def quantized(ann):
    return quantize(ann, 8)


@pytest.fixture(scope="session")
def snn(quantized):
    return spike(quantized, 4, 2)


@pytest.fixture
def images(tmp_path):
    """Open images of four random patches for a network; labels repeat 0..3."""

    def make(spec, count=20, labels=True, part="", classes=4):
        patches = np.random.default_rng(5).integers(0, 256, (count, 2, 2, 3), dtype=np.uint8)
        x = patches.repeat(spec.height // 2, 1).repeat(spec.width // 2, 2)
        path = tmp_path / "images.npz"
        np.savez(path, x=x, **({"y": np.arange(count) % classes} if labels else {}))
        return open_data(f"npz:{path}{part}", spec, purpose="eval")

    return make
