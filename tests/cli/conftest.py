"""Tiny networks and data in a fresh folder, and the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from snnconv.cli import main

NAMES = ("conv1", "relu1", "conv2", "relu2", "pool", "flatten", "head")
SIDE = 8
IMAGES = 20
CLASSES = 10


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be one JSON object of finite numbers and nothing else."""
        values = json.loads(self.out, parse_constant=_refuse)
        assert isinstance(values, dict)
        return values


def _refuse(name: str) -> float:
    raise AssertionError(f"{name} is no JSON number")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run one command: `run("inspect", "net.onnx")`."""

    def call(*words: object) -> Ran:
        capsys.readouterr()
        code: Any = 0
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
        found = capsys.readouterr()
        return Ran(code, found.out, found.err)

    return call


def network(
    *,
    classes: int = CLASSES,
    channels: int = 3,
    side: int | str = SIDE,
    names: Sequence[str] = NAMES,
    more: Sequence[NodeProto] = (),
    outputs: Sequence[str] = ("logits",),
    broken: float | None = None,
) -> onnx.ModelProto:
    """Conv-Relu-Conv-Relu-GlobalAveragePool-Flatten-Gemm with random weights of a fixed seed."""
    draw = np.random.default_rng(0).normal
    weights = {
        "w1": draw(0, 0.4, (6, channels, 3, 3)),
        "b1": draw(0, 0.1, 6),
        "w2": draw(0, 0.3, (8, 6, 3, 3)),
        "b2": draw(0, 0.1, 8),
        "w3": draw(0, 1, (8, classes)),
        "b3": draw(0, 0.1, classes),
    }
    if broken is not None:
        weights["w2"][0, 0, 0, 0] = broken
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], names[0], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], names[1]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], names[2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"], names[3]),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"], names[4]),
        helper.make_node("Flatten", ["p"], ["f"], names[5]),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["logits"], names[6]),
    ]
    graph = helper.make_graph(
        [*nodes, *more],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", channels, side, side])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def make(here: Path) -> Callable[..., str]:
    """Write a tiny network with some options of `network`; returns the file's name."""

    def write(name: str, **options: Any) -> str:
        onnx.save(network(**options), here / name)
        return name

    return write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with `net.onnx`, labelled images `data.npz` and unlabelled ones `plain.npz` in it."""
    monkeypatch.chdir(tmp_path)
    onnx.save(network(), tmp_path / "net.onnx")
    draw = np.random.default_rng(0)
    x = draw.random((IMAGES, 3, SIDE, SIDE), dtype=np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=draw.integers(0, CLASSES, IMAGES))
    np.savez(tmp_path / "plain.npz", x=x)
    return tmp_path


@pytest.fixture
def refused(run: Callable[..., Ran], here: Path) -> Callable[..., str]:
    """Run a command that must be refused: exit code 2, one message, nothing written. Returns the message."""

    def call(*words: object) -> str:
        before = contents(here)
        ran = run(*words)
        assert ran.code == 2, ran
        assert ran.out == ""
        assert "Traceback" not in ran.err
        assert ran.err.lower().count("error: ") == 1
        assert contents(here) == before
        return ran.err

    return call


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
