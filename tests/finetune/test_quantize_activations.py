from __future__ import annotations

import pytest
import torch
from torch import nn

from snnconv.convert import convert
from snnconv.errors import InvalidValueError, ModelError, UnsupportedOperatorsError
from snnconv.finetune import quantize_activations
from snnconv.graph.modules import AveragePool, MaxPool
from snnconv.loading import load_module
from snnconv.model import Model, Stage
from snnconv.neurons import QCFS
from snnconv.spiking.sites import iter_sites


class _Scaled(nn.Module):
    def forward(self, x):
        return (x + 3.0) / 6.0


def _network(*layers: nn.Module) -> Model:
    return load_module(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *layers, nn.Flatten(), nn.Linear(64, 3)), (1, 8, 8))


def _kinds(model: Model) -> list[type]:
    return [type(module) for module in model.graph.modules()]


@pytest.fixture(scope="module")
def pooled() -> Model:
    return _network(nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.ReLU6(), _Scaled(), nn.Hardtanh(0.0, 20.0))


def test_every_rectifier_becomes_qcfs_with_one_ceiling_of_its_own(pooled):
    quantized = quantize_activations(pooled, 4)
    sites = [site for _, site in iter_sites(quantized.graph)]
    assert all(isinstance(site, QCFS) and site.total_levels == 4 for site in sites)
    assert [site.ceiling.item() for site in sites] == [8.0, 6.0, 8.0]  # ReLU6 saturates at 6
    assert len({id(site.ceiling) for site in sites}) == 3
    assert all(site.ceiling.requires_grad for site in sites)
    assert (pooled.stage, quantized.stage) == (Stage.ANN, Stage.QUANTIZED)
    assert nn.ReLU in _kinds(pooled)
    assert nn.BatchNorm2d in _kinds(quantized)


def test_with_many_levels_it_is_the_network_itself(pooled):
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    quantized = quantize_activations(pooled, 2**20, average_pool=False)
    torch.testing.assert_close(quantized.logits(x), pooled.logits(x), rtol=0, atol=1e-4)  # steps of 8/2^20


def test_max_pooling_becomes_the_mean_over_the_same_window(pooled):
    assert MaxPool in _kinds(quantize_activations(pooled, 4, average_pool=False))
    quantized = quantize_activations(pooled, 4)
    assert MaxPool not in _kinds(quantized)
    pool = next(module for module in quantized.graph.modules() if isinstance(module, AveragePool))
    assert (pool.kernel, pool.stride) == ((3, 3), (2, 2))
    torch.testing.assert_close(pool(torch.ones(1, 4, 8, 8)), torch.ones(1, 4, 4, 4))


def test_dilated_max_pooling_is_refused():
    model = _network(nn.ReLU(), nn.MaxPool2d(2, 2, dilation=2, padding=1))
    with pytest.raises(UnsupportedOperatorsError, match="dilated"):
        quantize_activations(model, 4)
    assert quantize_activations(model, 4, average_pool=False).stage is Stage.QUANTIZED


def test_single_numbers_are_not_trained(pooled):
    quantized = quantize_activations(pooled, 4)
    held = [p for p in quantized.graph.parameters() if not p.requires_grad]
    assert sorted(round(p.item(), 4) for p in held) in ([3.0, 6.0], [0.1667, 3.0])
    assert all(p.requires_grad for p in pooled.graph.parameters())


def test_activations_of_both_signs_get_qcfs_of_both_signs_behind_them():
    model = _network(nn.LeakyReLU(0.5), nn.MaxPool2d(2), nn.Hardtanh(-1.0, 0.5))
    quantized = quantize_activations(model, 2**20, average_pool=False)
    sites = [site for _, site in iter_sites(quantized.graph)]
    assert [site.signed for site in sites] == [True, True]
    assert [site.ceiling.item() for site in sites] == [8.0, 1.0]
    assert nn.LeakyReLU in _kinds(quantized)
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(quantized.logits(x), model.logits(x), rtol=0, atol=1e-4)  # steps of 8/2^20
    snn = convert(quantize_activations(model, 8), timesteps=4)
    assert snn.levels == 2
    assert [site.signed for _, site in iter_sites(snn.graph)] == [True, True]


def test_a_quantized_network_or_one_without_activations_is_refused(pooled):
    with pytest.raises(ModelError, match="stage quantized"):
        quantize_activations(quantize_activations(pooled, 4), 4)
    with pytest.raises(ModelError, match="no activation"):
        quantize_activations(_network(nn.MaxPool2d(2)), 4)


@pytest.mark.parametrize("ceiling", [0.0, -1.0, float("inf"), float("nan")])
def test_a_ceiling_that_is_no_positive_number_is_refused(pooled, ceiling):
    with pytest.raises(InvalidValueError, match="initial_ceiling"):
        quantize_activations(pooled, 4, ceiling)
