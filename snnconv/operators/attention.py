"""Attention: the softmax of scores of queries against keys, times values; read as the operators that it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from snnconv.graph.modules import Arithmetic, Expand, Reshape, Transpose, Unsqueeze
from snnconv.graph.node import Activation, Array, Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.graph.products import MatMul
from snnconv.graph.selection import Where
from snnconv.operators.comparison import check_broadcast

QUERIES, KEYS, VALUES, MASK = range(4)
LATER = ("past_key", "past_value", "nonpad_kv_seqlen")  # inputs of a decoder that remembers
Masking = Callable[[Call], Call]  # scores `[B, heads, queries, keys]` -> scores, and what is added to them


def _read(node: NodeView) -> Call:
    refuse_memory(node, dict(enumerate(LATER, start=4)))
    if node.float_attribute("softcap", 0.0):
        raise Refusal("its softcap is not supported")
    queries, keys = _heads(node, QUERIES, "q_num_heads"), _heads(node, KEYS, "kv_num_heads")
    values = _heads(node, VALUES, "kv_num_heads")
    scale = node.float_attribute("scale", 1 / math.sqrt(queries.shape[2]))
    sizes = queries.shape[1], keys.shape[1]
    return attended(queries, keys, values, scale, lambda scores: _masked(node, scores, *sizes), join=node.rank() == 3)


@dataclass(frozen=True)
class Heads:
    """Queries, keys or values of several heads.

    Attributes:
        modules: Modules that give them as `[B, heads, length, width]`.
        source: Operand of the first module.
        shape: Shape of what they give, without the batch's axis.
    """

    modules: tuple[nn.Module, ...]
    source: int
    shape: tuple[int, int, int]

    def repeated(self, heads: int) -> tuple[nn.Module, ...]:
        """Return the modules, each head as often as queries share it."""
        count, length, width = self.shape
        if heads % count:
            raise Refusal(f"{heads} heads of queries cannot share {count} heads of keys and values")
        if heads == count:
            return self.modules
        copies = Expand([count, heads // count, length, width])
        return (*self.modules, Unsqueeze([2]), copies, Reshape(Fraction(1), [heads, length, width]))


def split_heads(length: int, width: int, heads: int) -> tuple[nn.Module, ...]:
    """Return the modules that cut `[B, length, width]` into `[B, heads, length, width / heads]`."""
    return (Reshape(Fraction(1), [length, heads, width // heads]), Transpose([0, 2, 1, 3]))


def attended(queries: Heads, keys: Heads, values: Heads, scale: float, masking: Masking, *, join: bool) -> Call:
    """Return `softmax(scale * queries @ keys.T + mask) @ values`.

    Args:
        queries: Queries of all heads.
        keys: Keys, of as many heads or of fewer that several heads of queries share.
        values: Values, of as many heads as keys.
        scale: Factor of the products.
        masking: Function that adds the mask to the scores.
        join: True where heads lie side by side in the output, `[B, length, heads * width]`.
    """
    heads, length, _ = queries.shape
    turned = Call((*keys.repeated(heads), Transpose([0, 1, 3, 2])), (keys.source,))
    scaled = Arithmetic("mul", nn.Parameter(torch.tensor(scale)))
    scores = Call((MatMul(), scaled), (Call(queries.modules, (queries.source,)), turned))
    weights = Call((nn.Softmax(3),), (masking(scores),))
    width = heads * values.shape[2]
    joined = (Transpose([0, 2, 1, 3]), Reshape(Fraction(1), [length, width])) if join else ()
    return Call((MatMul(), *joined), (weights, Call(values.repeated(heads), (values.source,))))


def refuse_memory(node: NodeView, names: dict[int, str]) -> None:
    """Refuse inputs that hold what a decoder remembers of earlier tokens.

    Args:
        node: Node of attention.
        names: Names of such inputs by position.

    Raises:
        Refusal: The node has one of them.
    """
    for position, name in names.items():
        if node.operand(position) is not None:
            raise Refusal(
                f"its input {name} is not supported: it is part of a decoder that remembers earlier tokens. Export the "
                "network without a cache (use_cache=False), so that it takes all tokens at once"
            )


def added(scores: Call, summands: Sequence[Array]) -> Call:
    """Return scores and constants that are added to them."""
    if not summands:
        return scores
    total = np.asarray(sum(summands[1:], summands[0]), np.float32)
    return Call((Arithmetic("add", nn.Parameter(torch.from_numpy(total))),), (scores,))


def blocking(allowed: Array, blocked: float = -math.inf) -> Array:
    """Return what is added to scores so that only some keys are taken: 0, or a number that is far below all scores."""
    return np.where(allowed, np.float32(0), np.float32(blocked))


def causal(queries: int, keys: int) -> Array:
    """Return which keys a query takes: those that are not behind it."""
    return np.tril(np.ones((queries, keys), np.bool_))


def _heads(node: NodeView, position: int, name: str) -> Heads:
    shape = node.shape(position)[1:]
    if len(shape) == 3:
        return Heads((), position, (shape[0], shape[1], shape[2]))
    heads = node.int_attribute(name, 0)
    if len(shape) != 2 or heads < 1 or shape[1] % heads:
        raise Refusal(f"its input {position} of shape {list(shape)} beside the batch has no {heads} heads")
    return Heads(split_heads(*shape, heads), position, (heads, shape[0], shape[1] // heads))


def _masked(node: NodeView, scores: Call, queries: int, keys: int) -> Call:
    """Scores and what is added to them: minus infinity where a mask of truths, or the order of tokens, forbids it."""
    constants = []
    if node.int_attribute("is_causal", 0):
        constants.append(blocking(causal(queries, keys)))
    if node.is_constant(MASK):
        array = node.need_constant(MASK)
        check_broadcast(array.shape, 4)
        constants.append(blocking(array) if array.dtype == np.bool_ else array.astype(np.float32))
    scores = added(scores, constants)
    mask = node.operand(MASK)
    if not isinstance(mask, Activation):
        return scores
    if len(mask.shapes[0]) != 4:
        raise Refusal("its mask depends on the input and has not the four axes of the scores")
    if mask.kind == "bool":
        return Call((Where(other=torch.tensor(-math.inf)),), (MASK, scores))
    return Call((Arithmetic("add"),), (scores, MASK))


ATTENTION = register_composed(
    Composed(
        reads={("", "Attention"): _read},
        made_of=(Arithmetic, Expand, MatMul, Reshape, nn.Softmax, Transpose, Unsqueeze, Where),
    )
)
