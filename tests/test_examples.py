"""The scripts of examples/ that set a network beside its spiking form, on made-up and on real networks and data."""

from __future__ import annotations

import csv
import re
import runpy
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from graph_cases import node, proto_of
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MODELS = {
    "detector_ap50": "coco_fastestdet_352.onnx",
    "phase_picks": "seismic_phasenet_1d.onnx",
    "keyword_accuracy": "audio_kws_dscnn_mlperftiny.onnx",
}

pytestmark = pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")


def names_of(script: str) -> dict:
    """The functions of a script, which is not run."""
    return runpy.run_path(str(EXAMPLES / f"{script}.py"))


def printed(script: str, *words: object) -> list[tuple[float, float]]:
    """The figures of the ANN and of the SNN on each line that a script prints of both."""
    result = CliRunner().invoke(names_of(script)["main"], [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [(float(ann), float(snn)) for ann, snn in re.findall(r"ANN ([\d.]+).*SNN ([\d.]+)", result.output)]


def outputs_of(path: Path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def write(path: Path, shape: tuple[int, ...], channels: int, *, classes: bool = False, bias: object = 0.0) -> Path:
    """Conv-Relu-Conv, its weights small where a bias is given, and the mean of each channel as classes."""
    random, kernel = np.random.default_rng(0), (3,) * (len(shape) - 1)
    weights = {
        "wa": random.normal(size=(8, shape[0], *kernel)) / 2,
        "ba": random.normal(size=8) / 5,
        "wb": random.normal(size=(channels, 8, *kernel)) * (0.05 if np.any(bias) else 1),
        "bb": np.broadcast_to(bias, channels),
    }
    pads = [1] * 2 * len(kernel)
    nodes = [
        node("Conv", "input wa ba", "c1", pads=pads),
        node("Relu", "c1", "r1"),
        node("Conv", "r1 wb bb", "c2" if classes else "out", pads=pads),
    ]
    if classes:
        nodes += [node("GlobalAveragePool", "c2", "pooled"), node("Flatten", "pooled", "out")]
    arrays = {name: array.astype(np.float32) for name, array in weights.items()}
    path.write_bytes(proto_of(nodes, arrays, shape).SerializeToString())
    return path


def test_keyword_accuracy(tmp_path):
    random = np.random.default_rng(1)
    codes, scale, zero_point = random.integers(-128, 128, (40, 1, 9, 6)).astype(np.int8), np.float32(0.02), 7
    path = write(tmp_path / "kws.onnx", (1, 9, 6), 4, classes=True)
    answers = outputs_of(path, (codes.astype(np.float32) - zero_point) * scale).argmax(1)
    y = np.where(np.arange(40) < 25, answers, (answers + 1) % 4).astype(np.uint8)
    np.savez(tmp_path / "kws.npz", x_int8=codes, y=y, scale=scale, zero_point=np.int32(zero_point))
    ((ann, snn),) = printed("keyword_accuracy", path, tmp_path / "kws.npz", "--timesteps", 8)
    assert ann == 62.5  # 25 of 40
    assert abs(snn - ann) <= 7.5


def test_phase_picks(tmp_path):
    x = np.random.default_rng(1).normal(size=(30, 3, 200)).astype(np.float16)
    path = write(tmp_path / "picks.onnx", (3, 200), 3)
    logits = outputs_of(path, x.astype(np.float32)).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    away = np.array([0, 10, -10, 11, -11] * 6)  # three of five within ten samples
    arrivals = {name: shares[:, at].argmax(1) + away for at, name in ((1, "p"), (2, "s"))}
    arrivals["s"][:5] = [-1, 200, 5000, -7, 200]  # not in the window
    np.savez(tmp_path / "picks.npz", x=x, **arrivals)
    wanted = []
    for at, name in ((1, "p"), (2, "s")):
        hits = [
            abs(int(arrival) - int(sample.argmax())) <= 10
            for arrival, sample in zip(arrivals[name], shares[:, at], strict=True)
            if 0 <= arrival < 200
        ]
        wanted.append(100 * sum(hits) / len(hits))
    found = printed("phase_picks", path, tmp_path / "picks.npz", "--timesteps", 12)
    for (ann, snn), share in zip(found, wanted, strict=True):
        assert ann == pytest.approx(share, abs=0.051)
        assert abs(snn - ann) <= 20
    assert 50 < wanted[0] < 70


def test_detector_ap50(tmp_path):
    """The boxes are what the network itself detects, so that all of its detections are right."""
    script, random = names_of("detector_ap50"), np.random.default_rng(1)
    path = write(tmp_path / "detector.onnx", (3, 24, 16), 5 + 3, bias=[0.3, 0, 0, -2, -2, 0.3, 0.3, 0.3])
    rows = []
    for sample in range(6):
        pixels = random.integers(0, 256, (24, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{sample}.png")
        x = pixels[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
        output = outputs_of(path, x)[0]
        for label in (0, 2):
            for _, (left, top, right, bottom) in script["detections"](output, label):
                rows.append(
                    [f"{sample}.png", label, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
                )
    assert len(rows) > 20
    with (tmp_path / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "class", "cx", "cy", "w", "h"], *rows])
    ((ann, snn),) = printed("detector_ap50", path, tmp_path, "--timesteps", 12)
    assert ann == 100
    assert 50 < snn <= 100


def cell(output: np.ndarray, y: int, x: int, objectness: float, share: float) -> None:
    """Put a box of half the image into a cell, its centre that of the cell's corner."""
    output[0, y, x], output[5, y, x] = objectness, share


def test_average_precision_of_three_detections():
    """Right, wrong, right, of three boxes: precision 1 up to recall 1/3, then 2/3 up to recall 2/3."""
    script = names_of("detector_ap50")
    output = np.zeros((6, 8, 8))
    for y, x, share in ((2, 2, 0.81), (6, 2, 0.25), (6, 6, 0.16), (6, 7, 0.09), (1, 6, 0.04)):
        cell(output, y, x, share, share)
    found = list(script["detections"](output, 0))
    assert [round(score, 9) for score, _ in found] == [0.81, 0.25, 0.16]  # 0.09 overlaps, 0.04 is too unsure
    np.testing.assert_allclose(found[0][1], [0, 0, 0.5, 0.5])
    truth = {0: [np.array([0, 0, 0.5, 0.5]), np.array([0.5, 0.5, 1, 1])], 4: [np.array([0, 0, 0.5, 0.5])]}
    precision = script["average_precision"]([output], 0, truth)
    assert precision == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert script["average_precision"]([np.zeros((6, 8, 8))], 0, truth) == 0


@pytest.mark.shared
@pytest.mark.parametrize(
    ("script", "data", "wanted", "within"),
    [
        ("keyword_accuracy", "kws01_speechcommands_mfcc.npz", [91.3], 0.5),
        ("phase_picks", "phasenet_waveforms.npz", [96.1, 86.4], 1.0),
        ("detector_ap50", "coco128", [36.6], 1.0),
    ],
)
def test_real_networks(shared, script, data, wanted, within):
    found = printed(script, shared / "models" / MODELS[script], shared / "data" / data)
    assert [ann for ann, _ in found] == wanted
    for ann, snn in found:
        assert abs(ann - snn) <= within
