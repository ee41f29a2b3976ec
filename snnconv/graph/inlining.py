"""Functions that a file defines for itself, replaced by their bodies."""

from __future__ import annotations

from collections import Counter

import onnx
from onnx import inliner

from snnconv.errors import ModelError

__all__ = ["OWN_DOMAIN", "inline_functions"]

OWN_DOMAIN = "ai.snnconv"  # its functions stay nodes: a handler each
MAX_NODES = 1_000_000  # of a graph once its functions are inlined

Key = tuple[str, str]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without calls to functions of other domains than ours; the same object where there are none.

    Raises:
        ModelError: the functions call one another in a circle, grow beyond all measure, or cannot be inlined.
    """
    foreign = {(f.domain, f.name): f for f in model.functions if f.domain != OWN_DOMAIN}
    if not foreign:
        return model
    if _grown_size(model, foreign) > MAX_NODES:
        raise ModelError(f"The file's functions grow to more than {MAX_NODES} nodes when they are inlined.")
    trimmed = onnx.ModelProto()
    trimmed.CopyFrom(model)
    del trimmed.functions[:]
    trimmed.functions.extend(foreign.values())
    try:
        return inliner.inline_local_functions(trimmed, convert_version=True)
    except Exception as error:  # whatever the C++ inliner throws, the file is at fault
        raise ModelError(f"The file's functions cannot be inlined: {error}") from error


def _grown_size(model: onnx.ModelProto, functions: dict[Key, onnx.FunctionProto]) -> int:
    """Number of nodes after inlining, subgraphs left aside.

    A function's size is known once those it calls are, so sizes are worked out from the leaves up, without
    recursion.
    """
    calls = {
        key: Counter(called for node in function.node if (called := (node.domain, node.op_type)) in functions)
        for key, function in functions.items()
    }
    sizes: dict[Key, int] = {}
    while len(sizes) < len(functions):
        ready = [key for key in functions if key not in sizes and all(called in sizes for called in calls[key])]
        if not ready:
            stuck = ", ".join(sorted(name for domain, name in functions if (domain, name) not in sizes))
            raise ModelError(f"The file's functions call one another in a circle: {stuck}.")
        for key in ready:
            body = len(functions[key].node)
            sizes[key] = body + sum(count * sizes[called] for called, count in calls[key].items())
    return sum(sizes.get((node.domain, node.op_type), 1) for node in model.graph.node)
