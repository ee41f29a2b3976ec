"""Patterns of modules: what a formula looks like when a file writes it operator by operator.

A pattern is matched from the last node backwards. A product is compared as a whole: however a file orders and brackets
its factors, divides, or takes roots and reciprocals, it is a constant times powers of activations,

    0.5·x·(1 + erf(x/√2)) = 0.5 · x^1 · (1 + erf(..))^1        (x - mean)/√(var + eps) = (..)^1 · (var + eps)^(-1/2)

A sum likewise is a constant and terms with signs. What a match takes in must be used by nothing outside of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import operands
from snnconv.graph.polynomials import can_be_product, monomial, terms, without_identities

__all__ = ["Either", "Match", "ModuleCall", "Operand", "Pattern", "Product", "Sum", "find"]

Nodes = tuple[fx.Node, ...]


@dataclass(frozen=True)
class Match:
    """The nodes, modules and constants that the names of a pattern stand for.

    Attributes:
        nodes: Nodes by the name of their operand.
        modules: Modules by the name of their call.
        constants: Constants by name, without the batch axis, in double precision.
        taken: Nodes that the pattern takes in.
    """

    nodes: dict[str, fx.Node] = field(default_factory=dict)
    modules: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Tensor] = field(default_factory=dict)
    taken: frozenset[fx.Node] = frozenset()

    def number(self, name: str) -> float | None:
        """Return a constant as a number; None where it is an array of different ones."""
        values = self.constants[name].reshape(-1)
        return float(values[0]) if bool((values == values[0]).all()) else None


class Pattern(Protocol):
    """Something that a node can be."""

    def matches(self, graph: fx.GraphModule, node: fx.Node, factor: Tensor, match: Match) -> Iterator[Match]:
        """Give every way in which a node, times a factor, is this.

        Args:
            graph: Graph of the node.
            node: Node to compare.
            factor: Factor of it that the expression around has.
            match: Match so far, which each way adds to.
        """


@dataclass(frozen=True)
class Operand:
    """Any activation; where the name is met again it must be the same."""

    name: str

    def matches(self, graph: fx.GraphModule, node: fx.Node, factor: Tensor, match: Match) -> Iterator[Match]:
        """Bind the name."""
        if match.nodes.get(self.name, node) is node and _is_near(factor, 1.0):
            yield replace(match, nodes={**match.nodes, self.name: node})


@dataclass(frozen=True)
class Either:
    """One of several patterns.

    Attributes:
        patterns: Patterns in the order in which they are tried.
    """

    patterns: tuple[Pattern, ...]

    def matches(self, graph: fx.GraphModule, node: fx.Node, factor: Tensor, match: Match) -> Iterator[Match]:
        """Compare each."""
        for pattern in self.patterns:
            yield from pattern.matches(graph, node, factor, match)


@dataclass(frozen=True)
class ModuleCall:
    """A module called with operands.

    Attributes:
        kind: Class of the module, or several.
        operands: Patterns of its operands, in order.
        where: Test of the module.
        name: Name under which a match has the module.
    """

    kind: type[nn.Module] | tuple[type[nn.Module], ...]
    operands: tuple[Pattern, ...]
    where: Callable[[Any], bool] = lambda module: True
    name: str = ""

    def matches(self, graph: fx.GraphModule, node: fx.Node, factor: Tensor, match: Match) -> Iterator[Match]:
        """Compare the module, then the operands."""
        node, passed = without_identities(graph, node)
        if node.op != "call_module" or not _is_near(factor, 1.0):
            return
        module, sources = graph.get_submodule(str(node.target)), operands(node)
        if isinstance(module, self.kind) and len(sources) == len(self.operands) and self.where(module):
            modules = {**match.modules, self.name: module} if self.name else match.modules
            match = replace(match, modules=modules, taken=match.taken | passed | {node})
            yield from _in_order(graph, sources, self.operands, match)


@dataclass(frozen=True)
class Product:
    """A constant times powers of activations.

    Attributes:
        factors: Patterns with their exponents.
        constant: Number that the constant is, or the name under which a match has it.
    """

    factors: tuple[tuple[Pattern, float], ...]
    constant: float | str = 1.0

    def matches(self, graph: fx.GraphModule, node: fx.Node, factor: Tensor, match: Match) -> Iterator[Match]:
        """Compare the constant, then the factors in any order."""
        if len(self.factors) > 1 and not can_be_product(graph, node):
            return
        whole = monomial(graph, node)
        if len(whole.powers) != len(self.factors):
            return
        bound = _bound(match, self.constant, whole.constant * factor, whole.taken)
        if bound is not None:
            parts = [(base, exponent, _ONE) for base, exponent in whole.powers.items()]
            yield from _in_any_order(graph, parts, self.factors, bound)


@dataclass(frozen=True)
class Sum:
    """A constant and terms.

    Attributes:
        terms: Patterns of the terms; a `Product` where the term has a factor.
        constant: Number that the constant is, or the name under which a match has it.
    """

    terms: tuple[Pattern, ...]
    constant: float | str = 0.0

    def matches(self, graph: fx.GraphModule, node: fx.Node, factor: Tensor, match: Match) -> Iterator[Match]:
        """Compare the constant, then the terms in any order."""
        if not _is_near(factor, 1.0):
            return
        whole = terms(graph, node)
        if len(whole.terms) != len(self.terms):
            return
        bound = _bound(match, self.constant, whole.constant, whole.taken)
        if bound is not None:
            parts = [(term, 1.0, torch.tensor(sign).double()) for term, sign in whole.terms]
            yield from _in_any_order(graph, parts, [(pattern, 1.0) for pattern in self.terms], bound)


DIGITS = 2e-5  # relative: 0.7071 is 1/√2
_ONE = torch.ones((), dtype=torch.float64)
Part = tuple[fx.Node, float, Tensor]  # an activation, its exponent, its factor


def _in_order(graph: fx.GraphModule, nodes: Sequence[fx.Node], patterns: Sequence[Pattern], match: Match) -> Any:
    if not patterns:
        yield match
        return
    for matched in patterns[0].matches(graph, nodes[0], _ONE, match):
        yield from _in_order(graph, nodes[1:], patterns[1:], matched)


def _in_any_order(
    graph: fx.GraphModule, parts: Sequence[Part], patterns: Sequence[tuple[Pattern, float]], match: Match
) -> Iterator[Match]:
    """Every way in which each part is one of the patterns."""
    if len(parts) != len(patterns):
        return
    if not patterns:
        yield match
        return
    pattern, power = patterns[0]
    for at, (node, exponent, factor) in enumerate(parts):
        if exponent == power:
            for matched in pattern.matches(graph, node, factor, match):
                yield from _in_any_order(graph, [*parts[:at], *parts[at + 1 :]], patterns[1:], matched)


def _bound(match: Match, number: float | str, constant: Tensor, taken: frozenset[fx.Node]) -> Match | None:
    """The match with a constant and the nodes that it was taken from; None where it is another."""
    if isinstance(number, str):
        if number in match.constants and not torch.equal(match.constants[number], constant):
            return None
        return replace(match, constants={**match.constants, number: constant}, taken=match.taken | taken)
    return replace(match, taken=match.taken | taken) if _is_near(constant, number) else None


def _is_near(values: Tensor, number: float) -> bool:
    """Return whether all values are a number, as files write it: with some digits, or rounded to 16 bits."""
    if values is _ONE:
        return number == 1
    if values.numel() > 1 and bool((values != values.flatten()[0]).any()):
        return False
    value = float(values.flatten()[0])
    return math.isclose(value, number, rel_tol=DIGITS, abs_tol=1e-12) or value in _rounded(number)


@lru_cache
def _rounded(number: float) -> tuple[float, ...]:
    """A number in the formats of 16 bits."""
    return tuple(float(torch.tensor(number).to(kind)) for kind in (torch.half, torch.bfloat16))


def find(graph: fx.GraphModule, node: fx.Node, pattern: Pattern) -> Match | None:
    """Return the first match of a pattern that ends with a node, and of which nothing outside uses a part.

    Args:
        graph: Graph of the node.
        node: Node that computes the last operation.
        pattern: Pattern to compare.
    """
    if node.op != "call_module":
        return None
    for match in pattern.matches(graph, node, _ONE, Match()):
        inner = match.taken - {node}
        whole = node in match.taken and match.taken.isdisjoint(match.nodes.values())
        if whole and all(match.taken.issuperset(part.users) for part in inner):
            return match
    return None
