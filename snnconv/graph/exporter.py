"""fx.GraphModule -> ONNX graph, node by node: the importer's inverse.

torch.onnx.export could write the graph as well, but it names nodes after its own counters, stores source
paths of the machine in the file, inlines our functions and turns each fold of time into a dozen shape
computations; node by node the file keeps the names that its user gave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import onnx
from torch import fx

from snnconv.errors import ModelError
from snnconv.graph.access import module_of
from snnconv.graph.emission import EMITTERS, Emission

__all__ = ["emit_graph"]


def emit_graph(
    graph: fx.GraphModule,
    input_shape: Sequence[int],
    outputs: Sequence[str],
    output_shapes: Sequence[Sequence[int | str]],
    *,
    frames: int | None = None,
) -> onnx.GraphProto:
    """Write a graph of modules as an ONNX graph with a dynamic batch.

    Args:
        graph: as the importer makes it.
        input_shape: of one input, without the batch axis.
        outputs: a name for each output.
        output_shapes: of each output; a string is a dynamic axis of that name.
        frames: number T of such inputs in front of the batch's axis, where the input changes over time.

    Raises:
        ModelError: a module has no ONNX form.
    """
    if len(set(outputs)) < len(outputs):
        raise ModelError(f"Two outputs have the same name: {', '.join(outputs)}.")
    first = next(node for node in graph.graph.nodes if node.op == "placeholder")
    input_name = str(first.meta.get("onnx_name", first.target))
    emission = Emission({input_name, *outputs})
    time = [] if frames is None else [frames]
    results = _emit_nodes(graph, emission, input_name)
    for found, wanted in zip(results, outputs, strict=True):
        if wanted == input_name and found != input_name:
            raise ModelError(f"The network's input and another output have the same name {wanted!r}.")
        if found != wanted:
            emission.nodes.append(onnx.helper.make_node("Identity", [found], [wanted], f"{wanted}:output"))
    return onnx.helper.make_graph(
        emission.nodes,
        "snnconv",
        [_tensor(input_name, [*time, "batch", *input_shape])],
        [_tensor(name, shape) for name, shape in zip(outputs, output_shapes, strict=True)],
        list(emission.initializers.values()),
    )


def _tensor(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))


def _emit_nodes(graph: fx.GraphModule, emission: Emission, input_name: str) -> list[str]:
    """Write every node; returns the names of what the graph returns."""
    names: dict[fx.Node, str] = {}
    calls: Counter[str] = Counter()
    results: list[str] = []
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            names[node] = input_name
        elif node.op == "call_module":
            module = module_of(graph, node)
            emit = EMITTERS.get(type(module))
            if emit is None:
                raise ModelError(f"{type(module).__name__} {node.target!r} has no ONNX form.")
            own = str(node.meta.get("onnx_name", node.target))
            calls[own] += 1  # a module called twice is written twice, with its parameters once
            name = own if calls[own] == 1 else f"{own}:{calls[own]}"
            emission.ranks[name] = len(node.meta["shape"]) + 1
            names[node] = emit(module, emission, [names[arg] for arg in node.args], name)
        elif node.op == "output":
            found = node.args[0] if isinstance(node.args[0], tuple) else (node.args[0],)
            results = [names[arg] for arg in found]
        else:
            raise ModelError(f"A graph node of kind {node.op} ({node.target}) has no ONNX form.")
    return results
