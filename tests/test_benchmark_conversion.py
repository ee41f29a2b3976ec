"""The comparison with SpikingJelly: its helpers, and with SpikingJelly present one tiny conversion."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import torch
from graph_cases import _weights, classifier, conv, model_of, node
from onnx import numpy_helper

from benchmarks import conversion, conversion_plot
from benchmarks.plain import plain


def network():
    """What real networks have and torch's modules have not: padding at one end, slices, padded channels, a mean."""
    nodes = [
        conv("input", "c1", pads=[0, 0, 1, 1]),
        node("Relu", "c1", "r1"),
        node("Slice", "r1 zero end two step", "rows"),
        node("Slice", "rows zero end three step", "corners"),
        node("Pad", "corners pads", "wide", mode="constant"),
        conv("r1", "c2", "w6", "b6", strides=[2, 2]),
        node("Add", "c2 wide", "sum"),
        node("Relu", "sum", "r2"),
        conv("r2", "c3", "w46", "b2"),
        node("Relu", "c3", "features"),
    ]
    weights = {"w6": _weights(6, 4, 3, 3, seed=7), "b6": _weights(6, seed=8), "w46": _weights(4, 6, 3, 3, seed=9)}
    made = classifier(nodes, weights, shape=(3, 9, 9))
    integers = {"zero": [0], "end": [2**62], "two": [2], "three": [3], "step": [2], "pads": [0, 1, 0, 0, 0, 1, 0, 0]}
    made.graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in integers.items())
    return model_of(made)


def test_a_graph_of_torch_modules_alone_computes_the_same():
    model = network()
    made = plain(model.graph)
    assert all(type(part).__module__.startswith("torch.") for part in made.children())
    x = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made(x), model.logits(x), rtol=0, atol=1e-5)


def test_what_has_no_such_form_is_refused():
    with pytest.raises(ValueError, match="Transpose"):
        plain(model_of(classifier([node("Transpose", "input", "features", perm=[0, 1, 3, 2])], shape=(4, 6, 6))).graph)


def test_read_outs():
    assert doctest.testmod(conversion).failed == 0


ROWS = [
    {
        "network": "n",
        "method": "a",
        "images": 9,
        "timesteps": T,
        "levels": 4,
        "total_levels": 4 * T,
        "agreement": 10.0 * T,
    }
    | {"agreement": 10.0 * T, "convert_s": 2.0, "convert_peak_mb": 900.0, "readout_from": start}
    for T, start in ((1, 0), (2, 0))
]


def test_the_table_names_n_and_refusals():
    refused = {"network": "n", "method": "b", "refused": "no ReLU6"}
    better = ROWS[1] | {"agreement": 99.0, "readout_from": 1}
    text = conversion_plot.table([*ROWS, better, refused], "n")
    assert "| a | 9 | 4 | 10.0 (N=4) | 99.0 (N=8) | 2 s | 900 MB |" in text
    assert text.endswith('* b, n: refused, "no ReLU6"')


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib (pip install 'snnconv[bench]')")
    conversion_plot.picture(ROWS, "n", tmp_path / "p.svg")
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")


@pytest.mark.filterwarnings("ignore")
def test_spikingjelly_takes_such_a_graph():
    reason = "compares with SpikingJelly (pip install 'snnconv[bench]')"
    ann2snn = pytest.importorskip("spikingjelly.activation_based.ann2snn", reason=reason)
    x = torch.randn(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    snn = ann2snn.Converter(ann2snn.LocalThresholdBalancingRecipe(dataloader=[x] * 50)).convert(plain(network().graph))
    found = conversion.read_outs((snn(x).detach() for _ in range(64)), [(64, 0)])
    assert found[64, 0].tolist() == network().logits(x).argmax(1).tolist()
