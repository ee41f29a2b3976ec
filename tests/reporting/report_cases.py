"""Data for tiny networks, and a network of names that nobody should give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from graph_cases import conv, node, proto_of

from snnconv.data import open_data

COUNT = 24
NASTY = (
    "<script>alert(1)</script>",
    "../../x",
    "\"quoted' & $x^2$ {{ 7 * 7 }}",
    "Ünïcödé ☃ \u202e" + "é" * 280,
)


def labelled(model, path, *, labels=True):
    """Random images for a network, opened."""
    spec = model.input
    random = np.random.default_rng(5)
    x = random.integers(0, 256, (COUNT, spec.height, spec.width, spec.channels), dtype=np.uint8)
    np.savez(path, x=x, **({"y": np.arange(COUNT) % 5} if labels else {}))
    return open_data(f"npz:{path}", spec, purpose="eval")


def nasty_network(path: Path) -> Path:
    """Conv-Relu-Conv-Relu-pool-Gemm whose nodes have the names that nobody should give."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Relu", "c2", "r2"),
        node("GlobalAveragePool", "r2", "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat fc fb", "out", transB=1),
    ]
    for each, name in zip((nodes[0], nodes[1], nodes[2], nodes[3]), NASTY, strict=True):
        each.name = name
    weights = {name: _draw(*shape) for name, shape in SHAPES.items()}
    onnx.save(proto_of(nodes, weights), path)
    return path


SHAPES = {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (4, 4, 3, 3), "b2": (4,), "fc": (5, 4), "fb": (5,)}


def _draw(*shape):
    return np.random.default_rng(sum(shape)).normal(0, 0.5, shape)
