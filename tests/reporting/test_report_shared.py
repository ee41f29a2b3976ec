"""A report on a real network: what it says is plausible, and its page is small."""

from __future__ import annotations

import pytest

import snnconv
from snnconv.reporting import ReportOptions, report
from snnconv.reporting.write import numbers_beside

pytestmark = pytest.mark.shared


def test_resnet20(shared, tmp_path):
    ann = snnconv.load(shared / "models/cifar10_resnet20.onnx")
    ann.input = ann.input.override(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    training = f"npz:{shared / 'data/cifar10_train_0.npz'}"
    snn = snnconv.convert(
        ann, timesteps=4, levels=8, calibration_data=training, calibration_images=64, calibration="bias"
    )
    page = tmp_path / "report.html"
    test = f"npz:{shared / 'data/cifar10_test_1017.npz'}"
    found = report(snn, test, page, against=ann, options=ReportOptions(limit=96, site_images=16))
    assert page.stat().st_size < 2_000_000
    assert numbers_beside(page).exists()
    assert found.summary.agreement > 90
    mean, causal, differential = found.curves
    assert differential.agreement_at[-1] >= causal.agreement_at[-1]
    assert mean.agreement_at[-1] == found.summary.agreement
    assert causal.settled_at[0] < mean.settled_at[0]
    assert len(found.sites) == 19
    for site in found.sites:
        assert site.correlation > 0.95
        assert site.unevenness == pytest.approx(0, abs=1e-9)  # mean coupling
    assert found.summary.energy_pj < found.summary.ann_energy_pj
