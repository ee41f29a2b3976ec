"""Products and sums of a graph as a whole, however their operations are ordered: what patterns compare.

    (2·x)/(y·√z) = 2 · x^1 · y^(-1) · z^(-1/2)        (x - 1) - y = -1 + x - y

Only what nothing else uses is taken apart, and only where no operand is made larger by a constant.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import module_of, operands
from snnconv.graph.elementwise import Elementwise, Power
from snnconv.graph.identities import is_identity
from snnconv.graph.modules import Arithmetic

__all__ = ["Monomial", "Terms", "can_be_product", "monomial", "terms", "without_identities"]

Factors = tuple[Tensor, list[tuple[fx.Node, float]]]  # a constant, and activations with exponents
EXPONENTS = {"sqrt": 0.5, "reciprocal": -1.0}


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@dataclass
class Monomial:
    """A constant times powers of activations.

    Attributes:
        constant: Constant without the batch axis, in double precision.
        powers: Exponents of the activations.
        taken: Nodes that compute the product.
    """

    constant: Tensor = field(default_factory=lambda: _number(1.0))
    powers: dict[fx.Node, float] = field(default_factory=lambda: defaultdict(float))
    taken: frozenset[fx.Node] = frozenset()


@dataclass
class Terms:
    """A constant and activations with signs.

    Attributes:
        constant: Constant without the batch axis, in double precision.
        terms: Activations and their signs.
        taken: Nodes that compute the sum.
    """

    constant: Tensor = field(default_factory=lambda: _number(0.0))
    terms: list[tuple[fx.Node, float]] = field(default_factory=list)
    taken: frozenset[fx.Node] = frozenset()


def _sample_constant(constant: Tensor, rank: int) -> Tensor:
    """Return a constant in double precision, without the batch axis; of one element: a number.

    Args:
        constant: Constant that is broadcast to an activation as numpy does.
        rank: Number of axes of the activation without its batch's.
    """
    values = constant.detach().double()
    if values.numel() == 1:
        return values.reshape(())
    if values.dim() > rank:  # its axis 0 is the batch's, of size 1
        values = values.squeeze(0)
    return values.reshape((1,) * (rank - values.dim()) + tuple(values.shape))


def without_identities(graph: fx.GraphModule, node: fx.Node) -> tuple[fx.Node, frozenset[fx.Node]]:
    """Return the node whose output a node passes on, and the nodes between, which nothing else uses."""
    passed: list[fx.Node] = []
    while node.op == "call_module" and len(node.users) == 1 and is_identity(graph, node):
        passed.append(node)
        (node,) = operands(node)
    return node, frozenset(passed)


def can_be_product(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Return False where a node is no product of several activations, without a closer look."""
    if node.op != "call_module":
        return False
    module = module_of(graph, node)
    return isinstance(module, (Arithmetic, Elementwise, Power)) or is_identity(graph, node)


def monomial(graph: fx.GraphModule, node: fx.Node) -> Monomial:
    """Return what a node computes as a product; of a node that is no product, its first power."""
    product = Monomial()
    _multiply(graph, node, 1.0, product, first=True)
    return product


def _multiply(graph: fx.GraphModule, node: fx.Node, exponent: float, product: Monomial, *, first: bool = False) -> None:
    node, passed = without_identities(graph, node)
    product.taken |= passed
    factors = _factors(graph, node, exponent) if first or len(node.users) == 1 else None
    if factors is None:
        product.powers[node] += exponent
        return
    product.taken |= {node}
    constant, bases = factors
    product.constant = product.constant * constant
    for base, power in bases:
        _multiply(graph, base, power, product)


def _factors(graph: fx.GraphModule, node: fx.Node, exponent: float) -> Factors | None:
    """A constant and powers whose product a node is, itself to some power; None where it is no product."""
    if node.op != "call_module":
        return None
    module, sources = module_of(graph, node), operands(node)
    whole = exponent.is_integer()
    inner = _exponent(module)
    if inner is not None:  # √(x²) is |x|
        return (_number(1.0), [(sources[0], exponent * inner)]) if whole or inner % 2 else None
    if not whole or not isinstance(module, Arithmetic) or module.operator not in ("mul", "div"):
        return None
    sign = 1.0 if module.operator == "mul" else -1.0
    if module.constant is None:
        return _number(1.0), [(sources[0], exponent), (sources[1], exponent * sign)]
    if sources[0].meta["shape"] != node.meta["shape"]:
        return None
    constant = _sample_constant(module.constant, len(node.meta["shape"]))
    if module.constant_first:
        return constant**exponent, [(sources[0], exponent * sign)]
    return constant ** (exponent * sign), [(sources[0], exponent)]


def _exponent(module: nn.Module) -> float | None:
    if isinstance(module, Power):
        return float(module.exponent)
    return EXPONENTS.get(module.function) if isinstance(module, Elementwise) else None


def terms(graph: fx.GraphModule, node: fx.Node) -> Terms:
    """Return what a node computes as a sum; of a node that is no sum, itself as its one term."""
    result = Terms()
    _add(graph, node, 1.0, result, first=True)
    return result


def _add(graph: fx.GraphModule, node: fx.Node, sign: float, result: Terms, *, first: bool = False) -> None:
    node, passed = without_identities(graph, node)
    result.taken |= passed
    module = module_of(graph, node) if node.op == "call_module" and (first or len(node.users) == 1) else None
    sources = operands(node)
    is_sum = isinstance(module, Arithmetic) and module.operator in ("add", "sub")
    if not is_sum or (len(sources) == 1 and sources[0].meta["shape"] != node.meta["shape"]):
        result.terms.append((node, sign))
        return
    assert isinstance(module, Arithmetic)
    result.taken |= {node}
    other = sign if module.operator == "add" else -sign
    if module.constant is None:
        _add(graph, sources[0], sign, result)
        _add(graph, sources[1], other, result)
        return
    constant = _sample_constant(module.constant, len(node.meta["shape"]))
    of_constant, of_source = (sign, other) if module.constant_first else (other, sign)
    result.constant = result.constant + of_constant * constant
    _add(graph, sources[0], of_source, result)
