"""Einsum of one activation, or of two operands: sums, transpositions, products of matrices, all beside the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from torch import nn

from snnconv.graph.modules import Arithmetic, ReduceSum, Reshape, Transpose
from snnconv.graph.node import Array, Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.graph.products import ConstantMatMul, MatMul
from snnconv.operators.linear import linear_layer

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # for the axes that an ellipsis stands for


def _read(node: NodeView) -> Call:
    equation = str(node.attributes["equation"]).replace(" ", "")
    terms, result = _terms(node, equation)
    batch = result[:1]
    if not batch or any(not term.startswith(batch) for i, term in enumerate(terms) if not node.is_constant(i)):
        raise Refusal(f"its equation {equation} has not the batch as the first axis of each activation and the result")
    if any(len(set(term)) < len(term) for term in (*terms, result)) or not set(result) <= set("".join(terms)):
        raise Refusal(f"its equation {equation} repeats an axis within one tensor, or has one from nowhere")
    if any(batch in term for i, term in enumerate(terms) if node.is_constant(i)):
        raise Refusal("its constant differs between members of a batch")
    sizes = _sizes(node, terms, equation)
    if len(terms) == 1:
        modules, rest = _summed(terms[0], set(result))
        return Call((*modules, *_turned(rest, result)))
    if len(terms) > 2:
        raise Refusal(f"its equation {equation} multiplies more than two tensors")
    if any(node.is_constant(position) for position in (0, 1)):
        return _by_constant(node, terms, result, sizes)
    return _of_two(terms, result, sizes)


def _terms(node: NodeView, equation: str) -> tuple[list[str], str]:
    """Return the axes of the operands and of the result, a letter each."""
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    ranks = [node.need_constant(i).ndim if node.is_constant(i) else node.rank(i) for i in range(len(node.operands))]
    if len(terms) != len(ranks) or not all(letter.isalpha() or letter == "." for letter in left.replace(",", "")):
        raise Refusal(f"its equation {equation} does not fit its {len(ranks)} operands")
    if not arrow:
        once = sorted(letter for letter in set(left) - {",", "."} if left.count(letter) == 1)
        result = ("..." if "..." in left else "") + "".join(once)
    free = [letter for letter in LETTERS if letter not in equation]
    covered = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True) if "..." in term]
    widest = max(covered, default=0)
    spread = []
    for term, rank in zip(terms, ranks, strict=True):
        count = rank - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term):
            raise Refusal(f"its equation {equation} does not fit operands of the ranks {ranks}")
        spread.append(term.replace("...", "".join(free[widest - count : widest])))
    return spread, result.replace("...", "".join(free[:widest]))


def _sizes(node: NodeView, terms: Sequence[str], equation: str) -> dict[str, int]:
    """Return the lengths of the axes; that of the batch is of no use."""
    sizes: dict[str, int] = {}
    for position, term in enumerate(terms):
        shape = node.need_constant(position).shape if node.is_constant(position) else node.shape(position)
        for letter, size in zip(term, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise Refusal(f"its equation {equation} broadcasts an axis, or its operands do not fit")
    return sizes


def _summed(term: str, kept: set[str]) -> tuple[tuple[nn.Module, ...], str]:
    """Return the sum over axes that only one operand has, and the axes that are left."""
    axes = [axis for axis, letter in enumerate(term) if letter not in kept]
    left = "".join(letter for letter in term if letter in kept)
    return ((ReduceSum(axes, keepdims=False),) if axes else (), left)


def _turned(term: str, order: str) -> tuple[nn.Module, ...]:
    """Return the transposition from one order of axes to another."""
    return () if term == order else (Transpose([term.index(letter) for letter in order]),)


def _shaped(groups: Sequence[str], sizes: dict[str, int], *, merged: bool) -> tuple[nn.Module, ...]:
    """Return the reshape that merges groups of axes behind the first, which stay as they are; or splits them."""
    first, *others = groups
    if all(len(group) == 1 for group in others):
        return ()
    shared = [sizes[letter] for letter in first[1:]]
    if merged:
        return (Reshape(Fraction(1), [*shared, *(math.prod(sizes[letter] for letter in group) for group in others)]),)
    return (Reshape(Fraction(1), [*shared, *(sizes[letter] for group in others for letter in group)]),)


def _groups(terms: Sequence[str], result: str) -> tuple[str, str, str, str]:
    """Return the axes that both operands and the result have, those of one and the result, and those summed over."""
    one, other = terms
    shared = "".join(letter for letter in result if letter in one and letter in other)
    rows = "".join(letter for letter in result if letter in one and letter not in other)
    columns = "".join(letter for letter in result if letter in other and letter not in one)
    return shared, rows, columns, "".join(letter for letter in one if letter in other and letter not in result)


def _of_two(terms: Sequence[str], result: str, sizes: dict[str, int]) -> Call:
    sums = [_summed(term, set(result) | set(terms[1 - i])) for i, term in enumerate(terms)]
    shared, rows, columns, inner = _groups([axes for _, axes in sums], result)
    if shared == result and not inner:
        factors = (Call((*modules, *_turned(term, result)), (i,)) for i, (modules, term) in enumerate(sums))
        return Call((Arithmetic("mul"),), tuple(factors))
    operands = tuple(
        Call((*modules, *_turned(term, "".join(groups)), *_shaped(groups, sizes, merged=True)), (position,))
        for position, ((modules, term), groups) in enumerate(
            zip(sums, ((shared, rows, inner), (shared, inner, columns)), strict=True)
        )
    )
    behind = _shaped((shared, rows, columns), sizes, merged=False)
    return Call((MatMul(), *behind, *_turned(shared + rows + columns, result)), operands)


def _by_constant(node: NodeView, terms: Sequence[str], result: str, sizes: dict[str, int]) -> Call:
    """A linear layer, or a matrix for each place along the axes that both operands and the result have."""
    place = 0 if node.is_constant(0) else 1
    summed, axes = _summed(terms[1 - place], set(result) | set(terms[place]))
    term = terms[place]
    alone = tuple(axis for axis, letter in enumerate(term) if letter not in result and letter not in axes)
    left = "".join(letter for letter in term if letter in result or letter in axes)
    both, rows, columns, inner = _groups([axes, left], result)
    shared, rows = result[0] + both, rows.replace(result[0], "")
    order = [left.index(letter) for letter in both + inner + columns]
    matrix = (
        *(sizes[letter] for letter in both),
        math.prod(sizes[letter] for letter in inner),
        math.prod(sizes[letter] for letter in columns),
    )

    def change(array: Array) -> Array:
        product: Array = array.sum(alone).transpose(order).reshape(matrix)
        return product if both else product.T

    weight = node.parameter(place, f"einsum {','.join(terms)}->{result}", change)
    product: nn.Module = ConstantMatMul(weight) if both else linear_layer(weight)
    groups = (shared, rows, inner)
    before = (*summed, *_turned(axes, "".join(groups)), *_shaped(groups, sizes, merged=True))
    behind = (*_shaped((shared, rows, columns), sizes, merged=False), *_turned(shared + rows + columns, result))
    return Call((*before, product, *behind), (1 - place,))


EINSUM = register_composed(
    Composed(
        reads={("", "Einsum"): _read},
        made_of=(Arithmetic, ConstantMatMul, nn.Linear, MatMul, ReduceSum, Reshape, Transpose),
    )
)
