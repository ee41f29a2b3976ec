"""Signed sites as files: what onnxruntime makes of them, and files that were written before there were any."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from graph_cases import plain

from snnconv.errors import UnsupportedOperatorsError
from snnconv.formats.onnx.writing import save, to_onnx
from snnconv.loading import load
from snnconv.model import Model, typed
from snnconv.neurons import QCFS
from snnconv.spiking.sites import iter_sites, swap
from snnconv.spiking.unrolling import collapse, spike


def _quantized(signed: bool) -> Model:
    """Two sites whose currents come straight from the input or are of both signs."""
    model = plain("chain").copy()
    for node, _ in list(iter_sites(model.graph)):
        swap(model.graph, node, QCFS(torch.tensor(0.7), 8, signed=signed))
    return typed(model)


def _run(proto: onnx.ModelProto, x: torch.Tensor) -> list[np.ndarray]:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})


@pytest.mark.parametrize("signed", [False, True])
def test_quantized_and_spiking_networks_come_back_and_run_elsewhere(signed, tmp_path):
    quantized = _quantized(signed)
    x = torch.randn(quantized.input.batch_shape(5), generator=torch.Generator().manual_seed(0))
    for model in (quantized, spike(quantized, 4, 2)):
        again = load(save(model, tmp_path / "network.onnx"))
        assert [site.signed for _, site in iter_sites(again.graph)] == [signed] * 2
        assert torch.equal(again.logits(x), model.logits(x))
        np.testing.assert_allclose(_run(to_onnx(model), x)[0], model.logits(x), rtol=0, atol=1e-5)


def test_collapse_and_spike_keep_the_sign():
    quantized = _quantized(True)
    snn = spike(quantized, 4, 2)
    x = torch.randn(quantized.input.batch_shape(5), generator=torch.Generator().manual_seed(1))
    assert all(site.signed for _, site in iter_sites(snn.graph))
    assert torch.equal(collapse(snn).logits(x), quantized.logits(x))
    torch.testing.assert_close(snn.logits(x), quantized.logits(x), rtol=0, atol=1e-5)
    assert not torch.allclose(quantized.logits(x), _quantized(False).logits(x))


@pytest.mark.parametrize("stage", ["quantized", "snn"])
def test_files_without_the_attribute_are_unsigned(stage, tmp_path):
    model = _quantized(False)
    model = model if stage == "quantized" else spike(model, 4, 2)
    proto = to_onnx(model)
    for node in proto.graph.node:
        for attribute in [each for each in node.attribute if each.name == "signed"]:
            node.attribute.remove(attribute)
    onnx.save(proto, tmp_path / "old.onnx")
    again = load(tmp_path / "old.onnx")
    assert not any(site.signed for _, site in iter_sites(again.graph))
    x = torch.randn(model.input.batch_shape(3))
    assert torch.equal(again.logits(x), model.logits(x))
    np.testing.assert_allclose(_run(proto, x)[0], model.logits(x), rtol=0, atol=1e-5)


def test_a_sign_that_is_neither_0_nor_1_is_refused(tmp_path):
    proto = to_onnx(_quantized(True))
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.name == "signed":
                attribute.i = 2
    onnx.save(proto, tmp_path / "broken.onnx")
    with pytest.raises(UnsupportedOperatorsError, match="its signed is 2: it must be 0 or 1"):
        load(tmp_path / "broken.onnx")
