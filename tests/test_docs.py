"""Every command in a ```sh block of the docs, and the README's Python, run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from snnconv.cli import main
from snnconv.loading import load

ROOT = Path(__file__).parent.parent
PRICES = ROOT / "snnconv" / "costs" / "energy.toml"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path) -> list[str]:
    """The snnconv commands of a page's ```sh blocks; of the README its indented ones, less what `pip` leads."""
    text = page.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    if page.name == "README.md":
        lines += [line.strip() for line in text.splitlines() if line.startswith("    snnconv ")]
    return [line for line in lines if line.startswith("snnconv ")]


def write_network(path: Path) -> None:
    """Conv, ReLU, pooling, Gemm: 3x16x16 to two classes, in the place of the reader's own network."""
    random = np.random.default_rng(0)
    weights = {
        "w1": random.normal(size=(8, 3, 3, 3)) / 5,
        "b1": random.normal(size=8) / 5,
        "w2": random.normal(size=(2, 8)),
    }
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w2"], ["logits"], "fc", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A folder with the files that the docs speak of."""
    random = np.random.default_rng(1)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for index in range(6):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{index}.png")
    write_network(tmp_path / "resnet18.onnx")
    (tmp_path / "my-chip.toml").write_text(PRICES.read_text().replace("45 nm", "my chip"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands(page, reader, capsys):
    for command in commands(page):
        main(shlex.split(command)[1:])
        assert capsys.readouterr().out, command


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_the_python_of_the_readme(reader, capsys):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    exec(compile(block, "README.md", "exec"), {})
    assert re.search(r"same arg-max on \d+\.\d % of 12 images", capsys.readouterr().out)
    assert (reader / "resnet18-snn.onnx").exists()


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_the_page_for_python(reader, capsys):
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), flags=re.S)
    for block in blocks:
        exec(compile(block, "python.md", "exec"), names)
    out = capsys.readouterr().out
    assert "same class on" in out
    assert "data is a list of 3 (int, int, int): allowed are a data spec" in out
    assert (reader / "resnet18.html").exists()


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_the_example(reader, monkeypatch, capsys):
    script = ROOT / "examples" / "convert_resnet.py"
    monkeypatch.setattr("sys.argv", [str(script), "resnet18.onnx", "imagefolder:photos"])
    exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__"})
    assert "same arg-max" in capsys.readouterr().out


def test_the_prices_of_energy_are_shown_as_they_are():
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "energy.md").read_text(), flags=re.S)
    assert block == PRICES.read_text()


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_the_example_that_streams(reader, monkeypatch, capsys):
    main(["convert", "resnet18.onnx", "--coupling", "causal", "--calibration-data", "imagefolder:photos"])
    main(["export", "resnet18-snn.onnx", "--form", "single-step", "-o", "step.onnx"])
    x = np.random.default_rng(2).random((3, 3, 16, 16), dtype=np.float32)
    np.save(reader / "x.npy", x)
    script = ROOT / "examples" / "stream_onnx.py"
    capsys.readouterr()
    for arguments in (["x.npy"], []):
        monkeypatch.setattr("sys.argv", [str(script), "step.onnx", *arguments])
        exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__"})
        lines = capsys.readouterr().out.splitlines()
        if arguments:
            answers = load("resnet18-snn.onnx").logits(torch.from_numpy(x)).argmax(1)
            assert lines == [*lines[:3], f"after step 4: {answers.numpy()}"]
        assert len(lines) == 4


def test_links_between_pages_lead_somewhere():
    checked = 0
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
                checked += 1
    assert checked
