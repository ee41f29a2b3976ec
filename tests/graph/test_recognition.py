"""Formulas that exporters write operator by operator become the module that they compute, and what is near does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from onnx import helper
from onnx_oracle import check, model_of, modules_of
from pass_graphs import Net, kinds, rewritten
from test_torch_files import export
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, display_name, module_of
from snnconv.graph.elementwise import Elementwise, Power, Swish
from snnconv.graph.modules import Arithmetic, Gather, ReduceMean, Reshape, Slice, Squeeze, Transpose
from snnconv.graph.normalizations import LpNormalize
from snnconv.graph.passes import RECOGNISE, role_of, run_passes
from snnconv.graph.products import MatMul

ROOT, OUTER = math.sqrt(2), math.sqrt(2 / math.pi)
RAMP = torch.linspace(-1, 1, 30).view(5, 6)
BOTH = (-2, -1)
Axes = int | tuple[int, ...]


def recognise(graph: fx.GraphModule) -> bool:
    return run_passes(graph, RECOGNISE)


def deviations(x: Tensor, axes: Axes = -1) -> Tensor:
    return x - x.mean(axes, keepdim=True)


def variance(x: Tensor, axes: Axes = -1) -> Tensor:
    return deviations(x, axes).pow(2).mean(axes, keepdim=True)


FORMULAS: dict[str, tuple[type[nn.Module], Callable[[Tensor], Tensor]]] = {
    "gelu": (nn.GELU, F.gelu),
    "gelu half first": (nn.GELU, lambda x: 0.5 * x * (1 + torch.erf(x / ROOT))),
    "gelu half second": (nn.GELU, lambda x: x * 0.5 * (torch.erf(x * 0.7071) + 1)),
    "gelu half last": (nn.GELU, lambda x: x * (1.0 + torch.erf(x / ROOT)) * 0.5),
    "gelu halved": (nn.GELU, lambda x: x * ((1.0 + torch.erf(x / ROOT)) / 2)),
    "gelu half inside": (nn.GELU, lambda x: (0.5 + torch.erf(x / ROOT) * 0.5) * x),
    "tanh gelu": (nn.GELU, lambda x: F.gelu(x, approximate="tanh")),
    "tanh gelu cube": (nn.GELU, lambda x: 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x * x * x)))),
    "tanh gelu fast": (nn.GELU, lambda x: 0.5 * x * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))),
    "tanh gelu sum": (nn.GELU, lambda x: x * (torch.tanh(OUTER * x + OUTER * 0.044715 * x**3) + 1) * 0.5),
    "tanh gelu sigmoid": (nn.GELU, lambda x: x * torch.sigmoid(1.5957691 * x * (1 + 0.044715 * x * x))),
    "silu": (nn.SiLU, F.silu),
    "silu reversed": (nn.SiLU, lambda x: torch.sigmoid(x) * x),
    "silu exponential": (nn.SiLU, lambda x: x / (1 + torch.exp(-x))),
    "quick gelu": (Swish, lambda x: x * torch.sigmoid(1.702 * x)),
    "mish": (nn.Mish, F.mish),
    "mish formula": (nn.Mish, lambda x: x * torch.tanh(F.softplus(x))),
    "softplus": (nn.Softplus, F.softplus),
    "softplus steeper": (nn.Softplus, lambda x: F.softplus(x, beta=2.0)),
    "hard-swish": (nn.Hardswish, lambda x: x * F.relu6(x + 3) / 6),
    "hard-sigmoid": (nn.Hardsigmoid, lambda x: F.relu6(x + 3.0) * (1 / 6)),
    "layer norm": (nn.LayerNorm, lambda x: F.layer_norm(x, (6,))),
    "layer norm sqrt": (nn.LayerNorm, lambda x: deviations(x) / torch.sqrt(variance(x) + 1e-5)),
    "layer norm rsqrt": (nn.LayerNorm, lambda x: deviations(x) * torch.rsqrt(variance(x) + 1e-6)),
    "layer norm power": (nn.LayerNorm, lambda x: (variance(x) + 1e-6).pow(-0.5) * deviations(x)),
    "layer norm square": (
        nn.LayerNorm,
        lambda x: (lambda d: d / ((d * d).mean(-1, keepdim=True) + 1e-5).sqrt())(deviations(x)),
    ),
    "layer norm unbiased": (nn.LayerNorm, lambda x: deviations(x) / (x.var(-1, keepdim=True) + 1e-5).sqrt()),
    "layer norm affine": (
        nn.LayerNorm,
        lambda x: torch.arange(6) * (deviations(x) / torch.sqrt(variance(x) + 1e-5)) + torch.linspace(-1, 1, 6),
    ),
    "layer norm two axes": (
        nn.LayerNorm,
        lambda x: deviations(x, BOTH) / torch.sqrt(variance(x, BOTH) + 1e-5) * RAMP + 0.5,
    ),
    "rms norm": (nn.RMSNorm, lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * torch.arange(6)),
    "rms norm of a sum": (nn.RMSNorm, lambda x: x / torch.sqrt((x * x).sum(-1, keepdim=True) + 1e-6)),
    "unit length": (LpNormalize, lambda x: F.normalize(x, dim=-1)),
    "unit length of magnitudes": (LpNormalize, lambda x: F.normalize(x, p=1.0, dim=1, eps=1e-3)),
    "rms norm square": (nn.RMSNorm, lambda x: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6)),
}


class Forms(nn.Module):
    """All formulas, each an output, of a part of the input, so that no two of them have a result in common."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(x[:, part]) for part, (_, function) in enumerate(FORMULAS.values()))


EXPORTERS = {
    "new": {"dynamo": True, "optimize": False, "opset_version": 18},
    "new, optimized": {"dynamo": True, "optimize": True, "opset_version": 18},
    "old": {"dynamo": False, "opset_version": 17},
    "old, of opset 11": {"dynamo": False, "opset_version": 11},
}


@pytest.mark.parametrize("options", EXPORTERS.values(), ids=EXPORTERS)
def test_formulas_that_torch_exports(options: dict[str, object]) -> None:
    imported = check(export(Forms().eval(), torch.randn(1, len(FORMULAS), 5, 6), **options))
    recognised = [kind for kind in modules_of(imported) if kind not in (Slice, Squeeze, Gather)]
    assert recognised == [kind for kind, _ in FORMULAS.values()]


class Block(nn.Module):
    """An attention block behind a norm of groups, with a mask, and a norm over the channels of an image."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.groups = nn.GroupNorm(2, 8, eps=1e-3)
        self.qkv, self.act, self.dropout = nn.Linear(8, 24), nn.GELU(), nn.Dropout()
        self.weight = nn.Parameter(torch.rand(8, 1, 1))
        self.register_buffer("mask", torch.full((15, 15), -99.0).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.groups(x).flatten(2).transpose(1, 2)  # [B, N, C]
        split = self.qkv(tokens).reshape(-1, tokens.shape[1], 3, 2, 4).permute(2, 0, 3, 1, 4)
        q, k, v = split[0], split[1], split[2]
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        else:
            scores = q * 0.5 @ k.transpose(-2, -1) + self.mask
            mixed = self.dropout(scores.softmax(-1)) @ v
        image = self.act(mixed).transpose(1, 2).flatten(2).transpose(1, 2).reshape(-1, 8, 3, 5)
        d = image - image.mean(1, keepdim=True)
        return d / torch.sqrt((d**2).mean(1, keepdim=True) + 1e-6) * self.weight


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("options", EXPORTERS.values(), ids=EXPORTERS)
def test_a_block_of_attention(options: dict[str, object], fused: bool) -> None:
    if fused and options["opset_version"] == 11:
        pytest.skip("the exporter writes attention from opset 14 on")
    block = Block(fused=fused).eval()
    for parameter in block.parameters():
        parameter.data = torch.rand_like(parameter)
    imported = check(export(block, torch.randn(1, 8, 3, 5), **options))
    modules = modules_of(imported)
    assert modules.count(nn.GroupNorm) == modules.count(nn.GELU) == modules.count(nn.LayerNorm) == 1
    assert modules[-3:] == [Transpose, nn.LayerNorm, Transpose]
    assert {Power, Elementwise, ReduceMean}.isdisjoint(modules)
    assert [role_of(node) for node in calls(imported.graph) if role_of(node)] == ["attention scores", "attention"]
    names = {type(module_of(imported.graph, node)): display_name(node) for node in calls(imported.graph)}
    assert names[nn.GroupNorm].strip("/") == "groups"
    assert names[nn.GELU].strip("/") == "act"
    assert modules.count(Reshape) <= 6


def test_products_without_a_softmax_between_have_no_role() -> None:
    net = Net(3, 4, 4)
    first = net.call(MatMul(), net.input, net.input)
    second = net.call(MatMul(), net.call(nn.Sigmoid(), first), net.input)
    graph = net.finish(net.call(MatMul(), net.call(nn.Softmax(-1), net.call(nn.Linear(4, 4), second)), net.input))
    assert not recognise(graph)
    assert not any(role_of(node) for node in calls(graph))


@pytest.mark.parametrize(
    ("merged", "order", "split", "is_transpose"),
    [
        ((4, 5), (0, 2, 1), (3, 5, 4), True),
        ((5, 4), (0, 2, 1), (3, 4, 5), False),  # mixes rows
        ((4, 5), (0, 2, 1), (3, 4, 5), False),
        ((2, 10), (0, 2, 1), (3, 10, 2), False),
    ],
)
def test_transposes_within_the_batch(
    merged: tuple[int, ...], order: tuple[int, ...], split: tuple[int, ...], is_transpose: bool
) -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "merged"], ["m"]),
        helper.make_node("Transpose", ["m"], ["t"], perm=order),
        helper.make_node("Reshape", ["t", "split"], ["s"]),
        helper.make_node("Sigmoid", ["s"], ["y"]),
    ]
    imported = check(model_of(nodes, {"merged": np.array([-1, *merged]), "split": np.array([-1, *split])}, (3, 4, 5)))
    assert (modules_of(imported) == [Transpose, nn.Sigmoid]) == is_transpose


GROUPS = {
    "by channels": (lambda: nn.GroupNorm(3, 3), (3, 40), (), True),
    "by channels, scaled": (lambda: nn.GroupNorm(3, 3), (3, 40), (6, 1, 1), True),
    "by rows, scaled": (lambda: nn.LayerNorm(40, elementwise_affine=False), (3, 40), (6, 1, 1), True),
    "scaled by rows": (lambda: nn.GroupNorm(3, 3), (3, 40), (1, 4, 1), True),
    "half of each row": (lambda: nn.LayerNorm(20, elementwise_affine=False), (3, 2, 20), (), False),
    "groups that do not divide the channels": (lambda: nn.GroupNorm(4, 4), (4, 30), (), False),
    "groups of other numbers": (lambda: nn.GroupNorm(2, 4), (4, 30), (), False),
}


@pytest.mark.parametrize(("norm", "grouped", "scale", "is_group_norm"), GROUPS.values(), ids=GROUPS)
def test_norms_of_groups(
    norm: Callable[[], nn.Module], grouped: tuple[int, ...], scale: tuple[int, ...], is_group_norm: bool
) -> None:
    net = Net(6, 4, 5)
    x = net.call(norm(), net.call(Reshape(Fraction(1), grouped), net.input))
    x = net.call(Reshape(Fraction(1), (6, 4, 5)), x)
    x = net.constant("add", net.constant("mul", x, *scale), *scale) if scale else x
    recognised = kinds(rewritten(net.finish(net.call(nn.Sigmoid(), x)), recognise))
    behind = [Arithmetic, Arithmetic] if scale == (1, 4, 1) else []
    assert (recognised == [nn.GroupNorm, *behind, nn.Sigmoid]) == is_group_norm
