"""Words of what the verbs print: samples or images, what is compared, columns that hold something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CALIBRATED = ("--mean", "0", "--std", "1", "-T", 2, "-L", 4)


def test_what_is_compared_is_called_by_its_name(run: Callable[..., Any], here: Path) -> None:
    data = ("--data", "npz:data.npz")
    assert run("convert", "net.onnx", "--calibration-data", "npz:data.npz", *CALIBRATED).code == 0
    out = run("evaluate", "net-snn.onnx", *data, "--against", "net.onnx").out
    assert "same class as the ANN" in out
    assert "accuracy of the ANN" in out
    assert "images" in out
    out = run("evaluate", "net.onnx", *data, "--against", "net-snn.onnx").out
    assert "same class as the reference network" in out
    assert "memory accesses, not included above" in out
    out = run("compare", "net.onnx", "net-snn.onnx", *data).out
    assert "unbeaten in" in " ".join(out.split())
    assert "standard error" in out


def test_data_without_two_axes_are_samples(run: Callable[..., Any], make: Callable[..., str], here: Path) -> None:
    make("flat.onnx", side=1)
    random = np.random.default_rng(0)
    np.savez("flat.npz", x=random.random((20, 3, 1, 1), dtype=np.float32), y=np.arange(20) % 10)
    data = ("--data", "npz:flat.npz")
    printed = [
        run("convert", "flat.onnx", "--calibration-data", "npz:flat.npz", *CALIBRATED).out,
        run("evaluate", "flat-snn.onnx", *data, "--against", "flat.onnx").out,
        run("export", "flat-snn.onnx", "--form", "collapsed", "-o", "e.onnx", *data).out,
        run("compare", "flat-snn.onnx", "flat.onnx", *data).out,
    ]
    assert run("report", "flat-snn.onnx", *data, "--against", "flat.onnx").code == 0
    printed += [(here / name).read_text() for name in ("compare.html", "report.html")]
    for text in printed:
        assert "sample" in text
        assert "image" not in _words(text)


def _words(text: str) -> str:
    """What a reader sees of a page or a table: no style, no picture's data, no file's own words."""
    import re

    text = re.sub(r"(?s)<(style|pre|svg)\b.*?</\1>", "", text)
    return re.sub(r"<[^>]*>", " ", text)


def test_columns_without_values_are_left_out(run: Callable[..., Any], here: Path) -> None:
    out = run("inspect", "net.onnx").out
    assert "relu1" in out
    assert "ceilings" not in out.replace("its ceilings need", "")
    assert run("convert", "net.onnx", "--calibration-data", "npz:data.npz", *CALIBRATED).code == 0
    out = run("inspect", "net-snn.onnx").out
    assert "ceilings" in out
    assert "N" in out
