"""Formulas are recognised in any order of factors and terms, and what is near to one is not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pass_graphs import Net, kinds, rewritten
from torch import Tensor, fx, nn

from snnconv.graph.access import calls
from snnconv.graph.elementwise import Elementwise, Power, Swish
from snnconv.graph.modules import Arithmetic, ReduceMean
from snnconv.graph.passes import RECOGNISE, run_passes

ROOT, OUTER = math.sqrt(2), math.sqrt(2 / math.pi)


def recognise(graph: fx.GraphModule) -> bool:
    return run_passes(graph, RECOGNISE)


class Formula:
    """Writes formulas into a graph, the factors of each product and the terms of each sum in an order that is drawn."""

    def __init__(self, draw: Callable[..., object], *shape: int) -> None:
        self.net = Net(*shape)
        self.draw = draw
        self.x = self.net.call(nn.Softsign(), self.net.input)

    def product(self, constant: object, *factors: fx.Node, over: fx.Node | None = None) -> fx.Node:
        return self._ordered([*factors, *([] if constant is None else [constant])], over, "mul", "div")

    def sum(self, constant: object, *terms: fx.Node, less: fx.Node | None = None) -> fx.Node:
        return self._ordered([*terms, *([] if constant is None else [constant])], less, "add", "sub")

    def call(self, function: str | nn.Module, x: fx.Node) -> fx.Node:
        return self.net.call(Elementwise(function) if isinstance(function, str) else function, x)

    def _ordered(self, parts: list[object], last: fx.Node | None, forward: str, back: str) -> fx.Node:
        """The parts joined two by two, in any order; the last is divided by, or taken off."""
        while len(parts) > 1 or last is not None:
            at = self.draw(st.integers(0, len(parts) - 1))
            one = parts.pop(at)
            if last is not None and isinstance(one, fx.Node) and (self.draw(st.booleans()) or not parts):
                parts.append(self.net.call(Arithmetic(back), one, last))
                last = None
            elif parts:
                parts.append(self._joined(one, parts.pop(0), forward, back))
            else:
                parts.append(one)
        assert isinstance(parts[0], fx.Node)
        return parts[0]

    def _joined(self, one: object, two: object, forward: str, back: str) -> object:
        if not isinstance(one, fx.Node) and not isinstance(two, fx.Node):
            return one * two if forward == "mul" else one + two
        if isinstance(one, fx.Node) and isinstance(two, fx.Node):
            return self.net.call(Arithmetic(forward), one, two)
        node, constant = (one, two) if isinstance(one, fx.Node) else (two, one)
        values = torch.as_tensor(constant, dtype=torch.float64)
        if bool((values != 0).all()) and self.draw(st.booleans()):
            values, forward = (1 / values if forward == "mul" else -values), back
        return self.net.call(Arithmetic(forward, nn.Parameter(values)), node)

    def mean(self, x: fx.Node, *axes: int) -> fx.Node:
        return self.net.call(ReduceMean(axes, keepdims=True), x)

    def square(self, x: fx.Node) -> fx.Node:
        return self.call(Power(2.0), x) if self.draw(st.booleans()) else self.net.call(Arithmetic("mul"), x, x)

    def over_root(self, weight: object, x: fx.Node, radicand: fx.Node) -> fx.Node:
        """`weight * x / sqrt(radicand)` in one of its forms."""
        form = self.draw(st.integers(0, 3))
        if form == 0:
            return self.product(weight, x, self.call(Power(-0.5), radicand))
        root = self.call("sqrt", radicand) if form > 1 else self.call(Power(0.5), radicand)
        return (
            self.product(weight, x, self.call("reciprocal", root)) if form == 2 else self.product(weight, x, over=root)
        )


def gelu(f: Formula, one: float = 1.0, half: float = 0.5, scale: float = 1 / ROOT) -> fx.Node:
    return f.product(half, f.x, f.sum(one, f.call("erf", f.product(scale, f.x))))


def gelu_by_tanh(f: Formula, cubic: float = 0.044715, outer: float = OUTER) -> fx.Node:
    cube = f.call(Power(3.0), f.x) if f.draw(st.booleans()) else f.product(None, f.x, f.x, f.x)
    bent = f.call(nn.Tanh(), f.product(outer, f.sum(None, f.x, f.product(cubic, cube))))
    return f.product(0.5, f.x, f.sum(1.0, bent))


def silu(f: Formula) -> fx.Node:
    return f.product(None, f.x, f.call(nn.Sigmoid(), f.x))


def quick_gelu(f: Formula) -> fx.Node:
    return f.product(None, f.x, f.call(nn.Sigmoid(), f.product(1.702, f.x)))


def mish(f: Formula, inner: float = 1.0) -> fx.Node:
    return f.product(None, f.x, f.call(nn.Tanh(), f.call(nn.Softplus(inner), f.x)))


def hard_swish(f: Formula, shift: float = 3.0, factor: float = 1 / 6) -> fx.Node:
    return f.product(factor, f.x, f.call(nn.ReLU6(), f.sum(shift, f.x)))


def layer_norm(f: Formula, axes: tuple[int, ...] = (-1,), others: tuple[int, ...] | None = None) -> fx.Node:
    shape = affine_shape(f, axes)
    d = f.sum(None, f.x, less=f.mean(f.x, *axes))
    variance = f.mean(f.square(d), *(others or axes))
    return f.sum(numbers(f, shape), f.over_root(numbers(f, shape), d, f.sum(1e-3, variance)))


def rms_norm(f: Formula, axes: tuple[int, ...] = (-1,)) -> fx.Node:
    return f.over_root(numbers(f, affine_shape(f, axes)), f.x, f.sum(1e-3, f.mean(f.square(f.x), *axes)))


def affine_shape(f: Formula, axes: tuple[int, ...]) -> list[int]:
    shape = f.x.meta["shape"]
    rank = len(shape)
    return [size if axis - rank in axes or axis + 1 in axes else 1 for axis, size in enumerate(shape)]


def numbers(f: Formula, shape: list[int]) -> Tensor | None:
    drawn = torch.rand(shape, generator=f.net.random, dtype=torch.float64) + 0.5
    return drawn if f.draw(st.booleans()) else None


ORDERED = {
    nn.GELU: (gelu, gelu_by_tanh),
    nn.SiLU: (silu,),
    Swish: (quick_gelu,),
    nn.Mish: (mish,),
    nn.Hardswish: (hard_swish,),
    nn.LayerNorm: (layer_norm, lambda f: layer_norm(f, (-2, -1))),
    nn.RMSNorm: (rms_norm, lambda f: rms_norm(f, (-2, -1))),
}
SEARCH = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


@pytest.mark.parametrize(("kind", "write"), [(kind, write) for kind, forms in ORDERED.items() for write in forms])
@SEARCH
@given(data=st.data())
def test_any_order_of_factors_and_terms(
    kind: type[nn.Module], write: Callable[[Formula], fx.Node], data: st.DataObject
) -> None:
    f = Formula(data.draw, 3, 4, 5)
    graph = f.net.finish(write(f))
    recognised = rewritten(graph, recognise)
    assert kinds(recognised) == [nn.Softsign, kind]


@pytest.mark.parametrize("write", [write for forms in ORDERED.values() for write in forms])
@SEARCH
@given(data=st.data())
def test_a_result_that_something_else_uses_keeps_its_formula(
    write: Callable[[Formula], fx.Node], data: st.DataObject
) -> None:
    f = Formula(data.draw, 3, 4, 5)
    result = write(f)
    inner = [node for node in f.net.graph.nodes if node.op == "call_module" and node not in (result, f.x)]
    graph = f.net.finish(result, data.draw(st.sampled_from(inner)))
    assert len(calls(rewritten(graph, recognise))) >= 3


NEAR_MISSES: dict[str, Callable[[Formula], fx.Node]] = {
    "gelu, another one": lambda f: gelu(f, one=1.001),
    "gelu, another half": lambda f: gelu(f, half=0.501),
    "gelu, another root": lambda f: gelu(f, scale=0.708),
    "gelu by tanh, another cubic": lambda f: gelu_by_tanh(f, cubic=0.0448),
    "gelu by tanh, another root": lambda f: gelu_by_tanh(f, outer=0.8),
    "mish, another softplus": lambda f: mish(f, 2.0),
    "hard-swish, another shift": lambda f: hard_swish(f, shift=3.01),
    "hard-swish, another factor": lambda f: hard_swish(f, factor=0.17),
    "gate of another": lambda f: f.product(None, f.net.input, f.call(nn.Sigmoid(), f.x)),
    "layer norm over two axes in front": lambda f: layer_norm(f, (1, 2)),
    "root of the variance alone": lambda f: f.product(
        None, f.x, over=f.sum(1e-3, f.call("sqrt", f.mean(f.square(f.x), -1)))
    ),
    "another mean": lambda f: f.sum(None, f.x, less=f.mean(f.net.input, -1)),
}


@pytest.mark.parametrize("write", NEAR_MISSES.values(), ids=NEAR_MISSES)
@SEARCH
@given(data=st.data())
def test_near_misses_keep_their_formula(write: Callable[[Formula], fx.Node], data: st.DataObject) -> None:
    f = Formula(data.draw, 3, 4, 5)
    recognised = rewritten(f.net.finish(write(f)), recognise)
    assert not {*ORDERED, nn.Hardsigmoid} & set(kinds(recognised))


@SEARCH
@given(data=st.data())
def test_deviations_from_a_mean_over_other_axes_are_scaled_by_their_own_size(data: st.DataObject) -> None:
    f = Formula(data.draw, 3, 4, 5)
    recognised = kinds(rewritten(f.net.finish(layer_norm(f, (-1,), (-2, -1))), recognise))
    assert nn.RMSNorm in recognised
    assert nn.LayerNorm not in recognised
