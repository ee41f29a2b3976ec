"""fx.GraphModule -> ONNX graph, node by node: the importer's inverse.

torch.onnx.export could write the graph as well, but it names nodes after its own counters, stores source
paths of the machine in the file, inlines our functions and turns each fold of time into a dozen shape
computations; node by node the file keeps the names that its user gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx
from torch import fx, nn

from snnconv.errors import ModelError
from snnconv.graph.access import calls, module_of
from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.lowering import Lowering, look_up
from snnconv.graph.node import Kind
from snnconv.graph.operator import NoForm, find_operator
from snnconv.graph.parts import Part

__all__ = ["OnnxLowering", "emit_graph", "tensor_info"]

NO_ONNX = NoForm("it has no ONNX form")
ELEMENTS: dict[Kind, int] = {
    "float": onnx.TensorProto.FLOAT,
    "int": onnx.TensorProto.INT64,
    "bool": onnx.TensorProto.BOOL,
}


class OnnxLowering(Lowering[str]):
    """Walk that writes ONNX nodes; the value of a node is the name of the tensor that it makes.

    Args:
        graph: Graph of modules.
        reserved: Names of the file's outputs, and of inputs beside the network's own.

    Attributes:
        emission: The ONNX graph being written.
    """

    def __init__(self, graph: fx.GraphModule, reserved: Iterable[str]) -> None:
        super().__init__(graph, "ONNX cannot hold these operators")
        modules = [module_of(graph, node) for node in calls(graph)]
        self.parts = sorted((module for module in modules if isinstance(module, Part)), key=lambda part: part.offset)
        self.emission = Emission({self.input_name, *(part.name for part in self.parts), *reserved})
        self.values[self.input] = self.input_name

    @property
    def input_names(self) -> list[str]:
        """Names of the network's own inputs."""
        return [part.name for part in self.parts] or [self.input_name]

    def inputs(self, shape: Sequence[int], frames: int | None = None) -> list[onnx.ValueInfoProto]:
        """Return the descriptions of the network's own inputs.

        Args:
            shape: Shape of one sample, without the batch axis, where it is the one input.
            frames: Number T of such inputs in front of the batch's axis, where the input changes over time.
        """
        if self.parts:
            return [tensor_info(part.name, ["batch", *part.shape], ELEMENTS[part.kind]) for part in self.parts]
        return [tensor_info(self.input_name, [*([] if frames is None else [frames]), "batch", *shape])]

    def lower(self, node: fx.Node, module: nn.Module, inputs: list[str]) -> str:
        """Write the ONNX nodes of one module."""
        operator = find_operator(module)
        without = operator.write if operator is not None and isinstance(operator.write, NoForm) else NO_ONNX
        emit = look_up(EMITTERS, module, without.reason)
        name = self.fresh_name(node)
        self.emission.ranks[name] = len(node.meta["shape"]) + 1
        return emit(module, self.emission, inputs, name)

    def stand_in(self, node: fx.Node) -> str:
        """Return the name of the input."""
        return self.input_name

    def name_output(self, tensor: str, name: str) -> None:
        """Let a tensor be an output of the file, under this name.

        Raises:
            ModelError: The name is the input's, and the tensor is another.
        """
        if tensor == name:
            return
        if name in self.input_names:
            raise ModelError(f"The network's input and another output have the same name {name!r}.")
        self.emission.nodes.append(onnx.helper.make_node("Identity", [tensor], [name], f"{name}:output"))

    def finished(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Return the graph that was written, with these inputs and outputs."""
        emission = self.emission
        return onnx.helper.make_graph(
            emission.nodes, "snnconv", list(inputs), list(outputs), list(emission.initializers.values())
        )


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
        graph: Graph of modules, as the importer makes it.
        input_shape: Shape of one input, without the batch axis.
        outputs: Names of the outputs.
        output_shapes: Shapes of the outputs; a string is a dynamic axis of that name.
        frames: Number T of such inputs in front of the batch's axis, where the input changes over time.

    Raises:
        ModelError: Two of the file's inputs and outputs have the same name.
        UnsupportedOperatorsError: Modules have no ONNX form; all of them are listed.
    """
    if len(set(outputs)) < len(outputs):
        raise ModelError(f"Two outputs have the same name: {', '.join(outputs)}.")
    lowering = OnnxLowering(graph, outputs)
    for tensor, name in zip(lowering.run(), outputs, strict=True):
        lowering.name_output(tensor, name)
    return lowering.finished(
        lowering.inputs(input_shape, frames),
        [tensor_info(name, shape) for name, shape in zip(outputs, output_shapes, strict=True)],
    )


def tensor_info(name: str, shape: Sequence[int | str], element: int = onnx.TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Return the description of a tensor; a string in its shape is a dynamic axis of that name."""
    return onnx.helper.make_tensor_value_info(name, element, list(shape))
