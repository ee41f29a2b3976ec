"""The end of a detector that no graph over batches can hold: operators whose outputs are as many as the data make them.

NonMaxSuppression and its like stand behind the last layer, between moves and look-ups. They are left out, with all that
leads to them alone and all that follows; what they read becomes the network's outputs, by its name in the file, so that
the rest of the file runs on it as it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import onnx

from snnconv.graph.node import Activation, Operand
from snnconv.graph.parts import Part
from snnconv.graph.refusals import DATA_DEPENDENT

__all__ = ["boundary", "is_tail", "left_out_text"]

LAYERS = ("Conv", "ConvTranspose", "Gemm", "GRU", "LSTM", "MatMul", "RNN")
SHOWN = 4  # operators that a warning names


def _is_data_dependent(node: onnx.NodeProto) -> bool:
    return node.op_type in DATA_DEPENDENT or "NMS" in node.op_type


def _with_inner(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Yield nodes, and those of their subgraphs."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _with_inner(graph.node)


def is_tail(refused: Sequence[onnx.NodeProto], left_out: Sequence[onnx.NodeProto]) -> bool:
    """Return whether what cannot be imported is the end of a detector.

    Args:
        refused: Nodes that were refused.
        left_out: These, and the nodes that depend on them, in the order of the file.

    Returns:
        True where each refused node leads to one whose outputs are as many as the data make them, or follows one, and
        no layer with weights is among them.
    """
    inner = list(_with_inner(left_out))
    if not any(map(_is_data_dependent, inner)) or any(node.op_type in LAYERS for node in inner):
        return False
    followers: set[str] = set()
    for node in left_out:
        if any(map(_is_data_dependent, _with_inner([node]))) or not followers.isdisjoint(node.input):
            followers.update(node.output)
    leading = set(followers)
    for node in reversed(left_out):
        if not leading.isdisjoint(node.output):
            leading.update(node.output)
            leading.update(node.input)
    return all(not leading.isdisjoint(node.output) for node in refused)


def boundary(left_out: Sequence[onnx.NodeProto], values: Mapping[str, Operand]) -> dict[str, Activation]:
    """Return what the nodes that are left out read of the others, by name; of several names of one value, the first."""
    operands: dict[str, Activation] = {}
    for name in (name for node in _with_inner(left_out) for name in node.input):
        value = values.get(name)
        is_input = isinstance(value, Activation) and (value.module is None or isinstance(value.module, Part))
        if isinstance(value, Activation) and not is_input:
            operands.setdefault(name, value)
    return operands


def left_out_text(left_out: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> str:
    """Return the warning that says what is left out, and how to run it."""
    kinds = dict.fromkeys(node.op_type for node in _with_inner(left_out) if _is_data_dependent(node))
    counts = Counter(node.op_type for node in left_out)
    shown = ", ".join(operator for operator, _ in counts.most_common(SHOWN))
    more = ", ..." if len(counts) > SHOWN else ""
    return (
        f"How many outputs {' and '.join(kinds)} has depends on the data, so it is left out, with all that stands "
        f"behind: {len(left_out)} nodes ({shown}{more}). The network's outputs are what these nodes read: "
        f"{', '.join(map(repr, outputs))}. To run the rest on them, cut it out of the file: "
        "onnx.utils.extract_model(FILE, REST, these names, the names of the file's outputs)."
    )
