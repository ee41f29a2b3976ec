"""The forms of DeiT that SpikingJelly's recipes for transformers get, and the table of their figures."""

from __future__ import annotations

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from benchmarks.spikingjelly_networks import FromTokens, Quantizer, quantized_network, tokens, torchvision_network
from benchmarks.spikingjelly_recipes import message, timed
from benchmarks.spikingjelly_transformers import table

X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = VisionTransformer(32, 16, num_classes=5, embed_dim=12, depth=2, num_heads=3).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made


@torch.no_grad()
def test_torchvisions_module_computes_the_same_whole_and_from_tokens_on(network):
    wanted = network(X)
    made = torchvision_network(network)
    torch.testing.assert_close(made(X), wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(FromTokens(made)(tokens(made, X)), wanted, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("level", "error"), [(2**16, 2e-3), (8, 1.0)])
def test_a_quantized_network_comes_near(network, level, error):
    wanted = network(X)
    made = quantized_network(network, level, [X])
    found = (made(X) - wanted).norm() / wanted.norm()
    assert error / 1000 < found < error


@torch.no_grad()
def test_levels_of_gelu_reach_below_zero():
    quantizer = Quantizer(16, False, 0.17)
    values = torch.nn.functional.gelu(torch.linspace(-4, 4, 999))
    assert torch.equal(quantizer(values), values)
    quantizer.settle()
    levels = quantizer(values).unique() / quantizer.s
    assert len(levels) <= 16
    assert levels.min() < 0 < levels.max()
    assert float((quantizer(values) - values).abs().max()) < 2 * float(quantizer.s)


def test_messages_name_no_addresses():
    assert message(ValueError("no <function f at 0x7f3b384d0860>.")) == "ValueError: no <function f>."


def test_times_are_ratios():
    found = timed(lambda: sum(range(20_000)), lambda: sum(range(200_000)), 3)
    assert found["time_cpu"] > 1


def test_the_table_has_a_reason_for_a_refusal():
    row = {"images": 8, "agreement": {"1": 50.0, 4: 75.0}, "time_wall": 6.0, "timed_steps": 4}
    text = table({"a": row, "b": {"refused": "ValueError: no"}})
    assert "| a | 8 | 50 |  | 75 |  |  |  | 1.50 |" in text
    assert "refused: ValueError: no" in text
