"""Networks whose sites have different numbers of levels: exact, saved and loaded, evaluated, continued."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize, run_double

from snnconv.convert import convert
from snnconv.convert.calibration import with_total_levels
from snnconv.convert.verification import verify
from snnconv.data.datasets import open_data
from snnconv.errors import InvalidValueError
from snnconv.evaluation import evaluate, inspect, run_onnx
from snnconv.finetune.continuation import continued
from snnconv.finetune.settings import FinetuneSettings
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.neurons import Coupling
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import collapse, spike

T = 4


def mixed(name, coupling=Coupling.MEAN):
    """Quantized ANN and SNN whose sites have N = 4, 12, 20, 28, ..."""
    quantized = quantize(prepared(name), T)
    levels = {str(node.target): T * (2 * index + 1) for index, (node, _) in enumerate(iter_sites(quantized.graph))}
    quantized = with_total_levels(quantized, levels)
    return quantized, spike(quantized, T, coupling=coupling)


def site_levels(model):
    return [site.levels for _, site in iter_sites(model.graph)]


def totals(model):
    return [site.total_levels for _, site in iter_sites(model.graph)]


@pytest.mark.parametrize("name", CASES)
def test_it_equals_its_quantized_network_simulated_and_in_onnxruntime(name, tmp_path):
    quantized, snn = mixed(name)
    assert site_levels(snn) == [2 * index + 1 for index in range(len(site_levels(snn)))]
    assert snn.levels == max(site_levels(snn))
    assert totals(collapse(snn)) == totals(quantized)
    x = images(quantized, 5)
    assert verify(quantized, snn, x).tolerance <= 1e-9
    wanted = run_double(quantized, x)
    for one, other in zip(run_double(snn, x), wanted, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    loaded = load(save(snn, tmp_path / "snn.onnx"))
    assert (loaded.timesteps, loaded.levels, loaded.coupling) == (T, snn.levels, Coupling.MEAN)
    assert site_levels(loaded) == site_levels(snn)
    assert totals(collapse(loaded)) == totals(quantized)
    for one, other in zip(run_double(loaded, x), run_double(snn, x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)  # a file holds slopes in single precision
    torch.testing.assert_close(run_onnx(tmp_path / "snn.onnx", [x]), snn.logits(x), rtol=1e-4, atol=1e-4)


def test_causal_coupling_takes_levels_of_each_site(tmp_path):
    quantized, snn = mixed("chain", Coupling.CAUSAL)
    assert site_levels(snn) == [1, 3]
    x = images(quantized, 5)
    verify(quantized, snn, x)
    loaded = load(save(snn, tmp_path / "snn.onnx"))
    assert (site_levels(loaded), loaded.coupling) == ([1, 3], Coupling.CAUSAL)
    torch.testing.assert_close(loaded.logits(x), snn.logits(x), rtol=0, atol=0)


def test_a_saved_quantized_network_converts_with_its_own_levels(tmp_path):
    quantized, _ = mixed("chain")
    snn = convert(save(quantized, tmp_path / "quantized.onnx"), timesteps=T)
    assert site_levels(snn) == [1, 3]
    assert (snn.report.levels, snn.report.total_levels) == (3, 12)
    assert [site.total_levels for site in snn.report.verification.sites] == [4, 12]


def test_levels_that_time_steps_do_not_divide():
    quantized = with_total_levels(quantize(prepared("chain"), 8), {"r1": 8, "features": 6})
    with pytest.raises(InvalidValueError, match="N=6 levels, which T=4"):
        spike(quantized, 4)


@pytest.fixture
def data(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.random((24, 6, 6, 3), dtype=np.float32), draw.integers(0, 5, 24)
    np.savez(tmp_path / "x.npz", x=x, y=y)
    return f"npz:{tmp_path / 'x.npz'}"


def test_evaluation_and_inspection_name_the_range(data):
    quantized, snn = mixed("chain")
    collapsed, simulated = evaluate(snn, data), evaluate(snn, data, simulate=True)
    for found in (collapsed, simulated, evaluate(quantized, data)):
        assert (found.total_levels, found.total_levels_range) == (None, (4, 12))
        assert [site.total_levels for site in found.sites] == [4, 12]
    assert collapsed.operations == simulated.operations
    assert collapsed.accuracy == simulated.accuracy
    inspected = inspect(snn)
    assert "L=1..3 (mixed)" in inspected.verdict
    assert [site.total_levels for site in inspected.sites] == [4, 12]
    assert evaluate(spike(quantize(prepared("chain"), 8), T), data).total_levels_range == (8, 8)
    assert evaluate(plain("chain"), data).total_levels_range is None


@pytest.mark.parametrize(
    ("asked", "levels"),
    [({}, [1, 3]), ({"timesteps": 2}, [1, 3]), ({"levels": 3}, [3, 3]), ({"timesteps": 2, "levels": 2}, [2, 2])],
)
@pytest.mark.parametrize("neuron", ["mht", "lmht"])
def test_fine_tuning_keeps_levels_that_it_is_not_asked_to_change(asked, levels, neuron, data):
    _, snn = mixed("chain")
    opened = open_data(data, snn.input, purpose="train")
    student = continued(snn, opened, FinetuneSettings(neuron=neuron, **asked))
    assert site_levels(student) == levels
    assert {site.timesteps for _, site in iter_sites(student.graph)} == {asked.get("timesteps", T)}
    assert student.levels == max(levels)
