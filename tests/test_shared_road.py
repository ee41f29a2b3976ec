"""The whole road on a real network: convert, save, load, and run in four ways."""

from __future__ import annotations

import pytest

import snnconv
from snnconv.evaluation import run_onnx
from snnconv.spiking.unrolling import collapse

pytestmark = pytest.mark.shared


def test_resnet20_keeps_its_answers(shared, tmp_path):
    ann = snnconv.load(shared / "models/cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    training = f"npz:{shared / 'data/cifar10_train_0.npz'}"
    snn = snnconv.convert(ann, timesteps=4, levels=8, calibration_data=training, calibration_images=256)
    assert snn.report.verification.tolerance <= 1e-9
    path = snnconv.save(snn, tmp_path / "snn.onnx")
    again = snnconv.load(path)
    test = f"npz:{shared / 'data/cifar10_test_1017.npz'}[:512]"
    collapsed = snnconv.evaluate(again, test, against=ann)
    simulated = snnconv.evaluate(again, test, against=ann, simulate=True, activity_images=0)
    assert collapsed.mode == "collapsed"
    assert simulated.mode == "simulated"
    assert collapsed.agreement == simulated.agreement
    assert collapsed.agreement is not None
    assert collapsed.agreement >= 96  # 98 measured on 1,017 with 1,024 images to calibrate
    assert simulated.accuracy_at is not None
    assert simulated.accuracy_at[-1] == simulated.accuracy == collapsed.accuracy
    batches = [x for x, _ in snnconv.open_data(test, again.input, purpose="eval").batches(64)]
    ours = [collapse(again).logits(x).argmax(1) for x in batches]
    theirs = run_onnx(path, batches).argmax(1)
    assert (
        sum(int((a == b).sum()) for a, b in zip(ours, theirs.split(64), strict=True)) >= 508
    )  # rounding: docs/numerics
