"""The sum of embeddings of words, positions and segments, and its norm, as onnxruntime's optimiser joins them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from snnconv.graph.embedding import Embedding
from snnconv.graph.kinds import Truncation, before_cast
from snnconv.graph.modules import Arithmetic, ReduceSum
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.graph.selection import Relation
from snnconv.operators._constants import check_broadcast
from snnconv.operators.layer_norm import norm_module

SEGMENT_IDS, WORDS, POSITIONS, SEGMENTS, SCALE, SHIFT, MASK, POSITION_IDS = range(1, 9)
EPSILON = 1e-12  # that is preset


def _read(node: NodeView) -> list[Call]:
    """The norm; how many tokens the mask has of each sample; the sum itself."""
    if node.rank() != 2:
        raise Refusal(f"its input_ids have {node.rank()} axes with the batch's; [batch, tokens] is needed")
    total = Call((), (_rows(node, 0, WORDS),))
    total = _with_positions(node, total)
    if node.operand(SEGMENT_IDS) is not None and node.operand(SEGMENTS) is not None:
        total = _with_rows(node, total, SEGMENT_IDS, SEGMENTS)
    width = (node.need_constant(WORDS).shape[1],)
    affine = [node.parameter(SCALE), node.parameter(SHIFT)]
    norm = norm_module(nn.LayerNorm, width, node.float_attribute("epsilon", EPSILON), affine)
    calls = [Call((norm,), (total,), kind="float")]
    if node.operand(MASK) is not None:
        counted = (Relation("equal", torch.tensor(1.0)), ReduceSum([1], keepdims=False))
        calls.append(Call(counted, (MASK,), kind="int"))
        calls.append(Call(total.modules, total.operands, kind="float"))
    return calls


def _rows(node: NodeView, ids: int, table: int) -> Call:
    return Call((Embedding(node.parameter(table)),), (before_cast(node.activation(ids), Truncation),))


def _with_rows(node: NodeView, total: Call, ids: int, table: int) -> Call:
    """Add the rows that numbers choose, which may be constant."""
    if not node.is_constant(ids):
        return Call((Arithmetic("add"),), (total, _rows(node, ids, table)))
    check_broadcast(node, ids, 2)
    places = node.need_constant(ids)
    rows = node.parameter(table, f"rows {places.tolist()}", lambda array: array[places])
    return Call((Arithmetic("add", rows),), (total,))


def _with_positions(node: NodeView, total: Call) -> Call:
    if node.operand(POSITION_IDS) is not None:
        return _with_rows(node, total, POSITION_IDS, POSITIONS)
    length = node.shape()[1]
    first = node.parameter(POSITIONS, f"first {length}", lambda array: np.array(array[:length]))
    return Call((Arithmetic("add", first),), (total,))


EMBEDDING_SUM = register_composed(
    Composed(
        reads={("com.microsoft", "EmbedLayerNormalization"): _read},
        made_of=(Arithmetic, Embedding, nn.LayerNorm, ReduceSum, Relation),
    )
)
