"""The real networks."""

from __future__ import annotations

import time
from pathlib import Path

import onnx
import pytest
from onnx_oracle import check

from snnconv.graph.importer import import_graph

NAMES = [
    "audio_kws_dscnn_mlperftiny",
    "cifar10_resnet20",
    "cifar10_resnet8_mlperftiny",
    "coco_fastestdet_352",
    "imagenet_deit_tiny_patch16_224",
    "imagenet_efficientnet_lite0_224",
    "mnist_cntk",
    "mnist_vit6_relu",
    "seismic_phasenet_1d",
]


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_real_network(shared: Path, name: str) -> None:
    model = onnx.load(shared / "models" / f"{name}.onnx")
    check(model)
    start = time.perf_counter()
    import_graph(model)
    assert time.perf_counter() - start < 5  # the largest takes 0.4 s


@pytest.mark.shared
def test_every_real_network_is_tried(shared: Path) -> None:
    assert sorted(path.stem for path in (shared / "models").glob("*.onnx")) == sorted(NAMES)
