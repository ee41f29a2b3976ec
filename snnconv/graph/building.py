"""The graph in the making: modules are called one by one, their outputs' shapes worked out without data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import fx, nn

from snnconv.graph.naming import Names
from snnconv.graph.node import PROBES, Activation, Call, EmptyTensor, NodeView, Refusal
from snnconv.graph.operator import output_shape

__all__ = ["GraphBuilder"]


class GraphBuilder:
    """Collects calls of modules into an fx.GraphModule."""

    def __init__(self) -> None:
        self._root = nn.Module()
        self._graph = fx.Graph()
        self._names = Names()

    def input(self, name: str, shape: Sequence[int], frames: int | None = None) -> Activation:
        """Add the network's input, of one sample of this shape; of `frames` such in front of the batch's axis."""
        node = self._graph.placeholder("input")
        node.meta["onnx_name"] = name
        node.meta["shape"] = tuple(shape)
        time = () if frames is None else (frames,)
        first, second = ((*time, probe, *shape) for probe in PROBES)
        return Activation(node, (first, second))

    def chain(self, view: NodeView, call: Call) -> Activation:
        """Call the modules one after the other.

        Raises:
            Refusal: an operand is no activation, or its shape does not fit the module.
        """
        activations = tuple(self._operand(view, operand) for operand in call.operands)
        for module in call.modules:
            activations = (self.call(view.name, module, activations),)
        return activations[0] if call.kind is None else replace(activations[0], kind=call.kind)

    def _operand(self, view: NodeView, operand: int | Activation | Call) -> Activation:
        if isinstance(operand, Call):
            return self.chain(view, operand)
        return view.activation(operand) if isinstance(operand, int) else operand

    def call(self, onnx_name: str, module: nn.Module, operands: tuple[Activation, ...]) -> Activation:
        """Call one module.

        Args:
            onnx_name: Name of the node in the file; any text.
            module: Module that takes the operands.
            operands: Activations that it takes, in order.

        Raises:
            Refusal: The operands' shapes do not fit the module, or leave nothing of an axis.
        """
        first, second = (_probe(module, operands, probe) for probe in range(len(PROBES)))
        target = self._names.unique(onnx_name)
        self._root.add_module(target, module)
        node = self._graph.call_module(target, tuple(operand.node for operand in operands))
        node.meta["onnx_name"] = onnx_name
        node.meta["shape"] = first[1:]
        return Activation(node, (first, second), module, operands, operands[0].kind)

    def finish(self, outputs: Sequence[Activation]) -> fx.GraphModule:
        """Return the module, without calls that no output depends on."""
        nodes = tuple(output.node for output in outputs)
        self._graph.output(nodes[0] if len(nodes) == 1 else nodes)
        graph = fx.GraphModule(self._root, self._graph)
        graph.graph.eliminate_dead_code()
        graph.delete_all_unused_submodules()
        graph.recompile()
        graph.eval()
        return graph


def _probe(module: nn.Module, operands: tuple[Activation, ...], probe: int) -> tuple[int, ...]:
    """Shape of a module's output at one probe batch size.

    Raises:
        Refusal: The operands' shapes do not fit the module, or leave nothing of an axis.
    """
    shapes = [operand.shapes[probe] for operand in operands]
    module.eval()
    try:
        shape = output_shape(module, shapes)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        stated = ", ".join(str(list(shape[1:])) for shape in shapes)
        raise Refusal(f"it cannot take inputs of shape {stated} beside the batch: {error}") from error
    if 0 in shape:
        raise EmptyTensor(shape)
    return shape
