"""Neurons where linear operators and products read what no neuron fires, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snnconv.graph.access import calls, module_of, operands
from snnconv.graph.modules import SignalSite
from snnconv.loading import load_module
from snnconv.spiking.plan import prepare
from snnconv.spiking.signals import READS_PLACED, SIGNALS_PLACED
from snnconv.spiking.sites import iter_sites


class Block(nn.Module):
    """Attention and a layer of GELU, each behind a norm, beside the stream of what is summed."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Conv1d(3, width, 1)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 16), nn.Linear(16, width)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).transpose(1, 2)
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = ((q @ k.transpose(-2, -1)) * 0.5).softmax(-1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        x = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    return prepare(load_module(Block().eval(), (3, 6)))


def test_the_inputs_of_a_transformer_block_are_spikes(block) -> None:
    """They are the inputs of qkv, of both products, of proj, of fc1 and fc2; q, k and v may share a site."""
    kinds = [type(module_of(block.graph, operands(node)[0])).__name__ for node, _ in iter_sites(block.graph)]
    assert kinds.count("LayerNorm") == 2
    assert kinds.count("Softmax") == 1
    assert kinds.count("GELU") == 1
    assert len(kinds) >= 6
    assert SIGNALS_PLACED.holds(block.graph)
    assert READS_PLACED.holds(block.graph)


def test_the_residual_stream_is_no_site(block) -> None:
    for node, site in iter_sites(block.graph):
        assert isinstance(site, SignalSite)
        source = module_of(block.graph, operands(node)[0])
        assert not (type(source).__name__ == "Arithmetic" and source.constant is None)


def test_outputs_are_kept(block) -> None:
    torch.manual_seed(0)
    module = Block().eval()
    x = torch.randn(4, 3, 6)
    with torch.no_grad():
        torch.testing.assert_close(block.graph(x.flatten(1)), module(x))


def test_placing_twice_adds_nothing(block) -> None:
    assert len(list(iter_sites(prepare(block).graph))) == len(list(iter_sites(block.graph)))
    assert len(calls(prepare(block).graph)) == len(calls(block.graph))


def test_signs_and_bounds_come_from_the_operators(block) -> None:
    sites = {type(module_of(block.graph, operands(node)[0])).__name__: site for node, site in iter_sites(block.graph)}
    assert not sites["Softmax"].signed
    assert sites["Softmax"].cap == 1
    assert sites["LayerNorm"].signed
    assert sites["GELU"].signed
