"""Attention: the softmax of scores of queries against keys, times values; read as the operators that it is made of."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from snnconv.graph.modules import Arithmetic, Expand, Reshape, Transpose, Unsqueeze
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.graph.products import MatMul
from snnconv.graph.selection import Where
from snnconv.operators.comparison import check_broadcast

QUERIES, KEYS, VALUES, MASK = range(4)
LATER = ("past_key", "past_value", "nonpad_kv_seqlen")  # inputs of a decoder that remembers


def _read(node: NodeView) -> Call:
    for position, name in enumerate(LATER, start=4):
        if node.operand(position) is not None:
            raise Refusal(f"its input {name} is not supported: it is part of a decoder that remembers earlier tokens")
    if node.float_attribute("softcap", 0.0):
        raise Refusal("its softcap is not supported")
    queries, keys = _heads(node, QUERIES, "q_num_heads"), _heads(node, KEYS, "kv_num_heads")
    values = _heads(node, VALUES, "kv_num_heads")
    heads, length, width = queries.shape
    scale = node.float_attribute("scale", 1 / math.sqrt(width))
    turned = Call((*keys.repeated(heads), Transpose([0, 1, 3, 2])), (KEYS,))
    scaled = Arithmetic("mul", nn.Parameter(torch.tensor(scale)))
    scores = Call((MatMul(), scaled), (Call(queries.modules, (QUERIES,)), turned))
    weights = Call((nn.Softmax(3),), (_masked(node, scores, length, keys.shape[1]),))
    joined = (
        () if node.rank() == 4 else (Transpose([0, 2, 1, 3]), Reshape(Fraction(1), [length, heads * values.shape[2]]))
    )
    return Call((MatMul(), *joined), (weights, Call(values.repeated(heads), (VALUES,))))


class _Heads:
    """Modules that give an operand as `[B, heads, length, width]`, and that shape without the batch's axis."""

    def __init__(self, modules: tuple[nn.Module, ...], shape: tuple[int, int, int]) -> None:
        self.modules = modules
        self.shape = shape

    def repeated(self, heads: int) -> tuple[nn.Module, ...]:
        """Return the modules, each head as often as queries share it."""
        count, length, width = self.shape
        if heads % count:
            raise Refusal(f"{heads} heads of queries cannot share {count} heads of keys and values")
        if heads == count:
            return self.modules
        copies = Expand([count, heads // count, length, width])
        return (*self.modules, Unsqueeze([2]), copies, Reshape(Fraction(1), [heads, length, width]))


def _heads(node: NodeView, position: int, name: str) -> _Heads:
    shape = node.shape(position)[1:]
    if len(shape) == 3:
        return _Heads((), (shape[0], shape[1], shape[2]))
    heads = node.int_attribute(name, 0)
    if len(shape) != 2 or heads < 1 or shape[1] % heads:
        raise Refusal(f"its input {position} of shape {list(shape)} beside the batch has no {heads} heads")
    cut = (Reshape(Fraction(1), [shape[0], heads, shape[1] // heads]), Transpose([0, 2, 1, 3]))
    return _Heads(cut, (heads, shape[0], shape[1] // heads))


def _masked(node: NodeView, scores: Call, queries: int, keys: int) -> Call:
    """Scores and what is added to them: minus infinity where a mask of truths, or the order of tokens, forbids it."""
    constants = []
    if node.int_attribute("is_causal", 0):
        constants.append(_blocking(np.tril(np.ones((queries, keys), np.bool_))))
    if node.is_constant(MASK):
        array = node.need_constant(MASK)
        check_broadcast(array.shape, 4)
        constants.append(_blocking(array) if array.dtype == np.bool_ else array.astype(np.float32))
    if constants:
        total = np.asarray(sum(constants[1:], constants[0]), np.float32)
        scores = Call((Arithmetic("add", nn.Parameter(torch.from_numpy(total))),), (scores,))
    mask = node.operand(MASK)
    if not isinstance(mask, Activation):
        return scores
    if len(mask.shapes[0]) != 4:
        raise Refusal("its mask depends on the input and has not the four axes of the scores")
    if mask.kind == "bool":
        return Call((Where(other=torch.tensor(-math.inf)),), (MASK, scores))
    return Call((Arithmetic("add"),), (scores, MASK))


def _blocking(allowed: np.ndarray) -> np.ndarray:
    return np.where(allowed, np.float32(0), np.float32(-np.inf))


ATTENTION = register_composed(
    Composed(
        reads={("", "Attention"): _read},
        made_of=(Arithmetic, Expand, MatMul, Reshape, nn.Softmax, Transpose, Unsqueeze, Where),
    )
)
