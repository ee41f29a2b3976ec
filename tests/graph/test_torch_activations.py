"""Activations, norms and functions of torch, as its exporter writes them, import to what the module computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnconv.loading import load_module


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def gelu_by_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x**3)))


def layer_norm(x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)


def first_two(x: Tensor) -> Tensor:
    return torch.cat([x.topk(2, 1).values, x.topk(2, 1, largest=False).indices.float()], 1)


MODULES = [
    nn.SiLU(),
    Apply(lambda x: torch.sigmoid(x) * x),
    Apply(lambda x: x * torch.sigmoid(1.702 * x)),
    nn.GELU(),
    nn.GELU("tanh"),
    Apply(lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5))),
    Apply(gelu_by_tanh),
    nn.Mish(),
    Apply(lambda x: x * torch.tanh(F.softplus(x))),
    nn.ELU(0.7),
    nn.CELU(0.7),
    nn.SELU(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Softplus(beta=2),
    nn.Softsign(),
    nn.Tanhshrink(),
    nn.Softshrink(),
    nn.LogSigmoid(),
    nn.LogSoftmax(1),
    nn.LayerNorm(8),
    nn.LayerNorm([4, 8, 8], bias=False),
    Apply(layer_norm),
    nn.RMSNorm(8),
    nn.GroupNorm(2, 4),
    nn.GroupNorm(1, 4, affine=False),
    nn.InstanceNorm2d(4),
    nn.InstanceNorm2d(4, affine=True),
    nn.LocalResponseNorm(3),
    Apply(lambda x: F.normalize(x, dim=1)),
    Apply(lambda x: F.normalize(x, p=1.0, dim=-1)),
    Apply(lambda x: x.std(1, keepdim=True) * x),
    Apply(lambda x: x / x.norm(dim=(2, 3), keepdim=True)),
    Apply(lambda x: x * x.logsumexp(1, keepdim=True) - x.amin(1, keepdim=True)),
    Apply(lambda x: x.abs().pow(0.3) + 2**x + x.square().sum(1, keepdim=True).rsqrt()),
    Apply(lambda x: x.cumsum(2)),
    Apply(first_two),
    Apply(lambda x: x.argmax(1, keepdim=True).float() * x),
]


@pytest.mark.filterwarnings("ignore:The given buffer")
@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_torch_exports_is_what_the_module_computes(module: nn.Module) -> None:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    network = nn.Sequential(nn.Conv2d(4, 4, 1), module, nn.Conv2d(4, 4, 1)).eval()
    ours = load_module(network, (4, 8, 8))
    x = torch.randn(3, 4, 8, 8)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(ours.graph(x), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
