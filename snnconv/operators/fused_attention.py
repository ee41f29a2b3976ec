"""Attention as onnxruntime's optimiser writes it: with its linear layer, or with what a mask of tokens blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.modules import Arithmetic, Reshape, Transpose, Unsqueeze
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.graph.products import MatMul
from snnconv.graph.selection import Relation
from snnconv.operators._constants import check_broadcast
from snnconv.operators.attention import Heads, added, attended, blocking, causal, refuse_memory, split_heads
from snnconv.operators.linear import linear_layer

BLOCKED = -10000.0  # what is preset for blocked keys
WEIGHT, SELF_BIAS, SELF_MASK, SELF_SUMMAND = 1, 2, 3, 5  # inputs of self-attention
SELF_MEMORY = {4: "past", 6: "past_sequence_length"}
KEYS, VALUES, BIAS, MASK, SUMMAND = 1, 2, 3, 4, 5  # inputs of attention to others
MEMORY = {6: "past_key", 7: "past_value", 8: "past_sequence_length", 9: "cache_indirection"}


def _read_self(node: NodeView) -> Call:
    """Attention with the layer that makes queries, keys and values of one input."""
    refuse_memory(node, SELF_MEMORY)
    if node.int_attribute("do_rotary", 0):
        raise Refusal("its do_rotary is not supported: give the file before it was optimised")
    if node.rank() != 3:
        raise Refusal(f"its input has {node.rank()} axes with the batch's; [batch, tokens, features] is needed")
    total, heads = node.need_constant(WEIGHT).shape[-1], node.int_attribute("num_heads", 0)
    widths = [int(width) for width in node.attributes.get("qkv_hidden_sizes", ())] or [total // 3] * 3
    if len(widths) != 3 or sum(widths) != total or widths[0] != widths[1]:
        raise Refusal(f"its qkv_hidden_sizes {widths} do not fit a weight of {total} columns")
    stops = np.cumsum(widths).tolist()
    queries, keys, values = (
        _heads(node, 0, _columns(node, stop - width, stop), width, heads)
        for width, stop in zip(widths, stops, strict=True)
    )
    return _attended(node, (queries, keys, values), SELF_MASK, SELF_SUMMAND)


def _columns(node: NodeView, start: int, stop: int) -> tuple[nn.Module, ...]:
    """Return the part of the layer that makes queries, keys or values, as the operators that it is made of."""
    weight = node.parameter(WEIGHT, f"columns {start}:{stop}", lambda array: array[:, start:stop].T)
    return (linear_layer(weight), *_bias(node, SELF_BIAS, start, stop))


def _read_multi_head(node: NodeView) -> Call:
    """Attention of which queries, keys and values are made already, but for a bias."""
    refuse_memory(node, MEMORY)
    parts, heads = (0, KEYS, VALUES), node.int_attribute("num_heads", 0)
    if any(node.operand(position) is None for position in parts) or {node.rank(position) for position in parts} != {3}:
        raise Refusal(
            "its queries, keys and values must be three inputs [batch, tokens, features]: packed ones are not "
            "supported, so give the file before it was optimised"
        )
    stops = np.cumsum([node.shape(position)[2] for position in parts]).tolist()
    queries, keys, values = (
        _heads(node, position, _bias(node, BIAS, stop - node.shape(position)[2], stop), node.shape(position)[2], heads)
        for position, stop in zip(parts, stops, strict=True)
    )
    return _attended(node, (queries, keys, values), MASK, SUMMAND)


def _bias(node: NodeView, position: int, start: int, stop: int) -> tuple[nn.Module, ...]:
    if node.constant(position) is None:
        return ()
    return (Arithmetic("add", node.parameter(position, f"{start}:{stop}", lambda array: array[start:stop])),)


def _heads(node: NodeView, source: int, before: tuple[nn.Module, ...], width: int, heads: int) -> Heads:
    if heads < 1 or width % heads:
        raise Refusal(f"its {width} features are not of {heads} heads (num_heads)")
    length = node.shape(source)[1]
    return Heads((*before, *split_heads(length, width, heads)), source, (heads, length, width // heads))


def _attended(node: NodeView, parts: tuple[Heads, Heads, Heads], mask: int, summand: int) -> Call:
    """Return attention under a mask of tokens and a summand of the scores, at those positions of the inputs."""
    sizes = parts[0].shape[1], parts[1].shape[1]
    scale = node.float_attribute("scale", 0.0) or 1 / math.sqrt(parts[0].shape[2])

    def masking(scores: Call) -> Call:
        ordered = [blocking(causal(*sizes))] if node.int_attribute("unidirectional", 0) else []
        return _with_summand(node, _without_padding(node, added(scores, ordered), mask, sizes), summand)

    return attended(*parts, scale, masking, join=True)


def _without_padding(node: NodeView, scores: Call, position: int, sizes: tuple[int, int]) -> Call:
    """Scores and what is added where a mask blocks keys: 0 for a key, for a query and a key, or numbers of keys."""
    operand = node.operand(position)
    if operand is None:
        return scores
    blocked = node.float_attribute("mask_filter_value", BLOCKED)
    if not isinstance(operand, Activation):
        return _by_constant(node, scores, position, blocked)
    batch, *shape = operand.shapes[0]
    known: dict[tuple[int, ...], tuple[list[int], Relation]] = {
        (): ([1, 2, 3], Relation("less_or_equal", torch.arange(sizes[1], dtype=torch.float32))),
        (sizes[1],): ([1, 2], Relation("less_or_equal", torch.tensor(0.0))),
        sizes: ([1], Relation("less_or_equal", torch.tensor(0.0))),
    }
    if tuple(shape) not in known or batch != node.shape()[0]:
        raise Refusal(
            f"its mask of shape {shape} beside the batch is not supported: the number of keys, one number a key, or "
            "one for each query and key are"
        )
    axes, blocks = known[tuple(shape)]
    summand = Call((Unsqueeze(axes), blocks, Arithmetic("mul", nn.Parameter(torch.tensor(blocked)))), (position,))
    return Call((Arithmetic("add"),), (scores, summand))


def _by_constant(node: NodeView, scores: Call, position: int, blocked: float) -> Call:
    check_broadcast(node, position, node.need_constant(position).ndim)
    array = node.need_constant(position)
    if array.ndim not in (2, 3):
        raise Refusal(
            f"its mask is a constant of shape {array.shape}: one number a key, or query and key, is supported"
        )
    return added(scores, [blocking(np.expand_dims(array, tuple(range(1, 5 - array.ndim))) > 0, blocked)])


def _with_summand(node: NodeView, scores: Call, position: int) -> Call:
    operand = node.operand(position)
    if operand is None:
        return scores
    if not isinstance(operand, Activation):
        check_broadcast(node, position, 4)
        return Call((Arithmetic("add", node.parameter(position)),), (scores,))
    if len(operand.shapes[0]) != 4:
        raise Refusal("its attention_bias depends on the input and has not the four axes of the scores")
    return Call((Arithmetic("add"),), (scores, position))


_PARTS: Sequence[type[nn.Module]] = (Arithmetic, MatMul, Relation, Reshape, nn.Softmax, Transpose, Unsqueeze)
SELF_ATTENTION = register_composed(
    Composed(reads={("com.microsoft", "Attention"): _read_self}, made_of=(nn.Linear, *_PARTS))
)
MULTI_HEAD_ATTENTION = register_composed(
    Composed(reads={("com.microsoft", "MultiHeadAttention"): _read_multi_head}, made_of=tuple(_PARTS))
)
