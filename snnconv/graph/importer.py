"""ONNX graph -> fx.GraphModule of ordinary modules, one a node.

The graph holds `placeholder`, `call_module` and `output` nodes only. A module's node keeps the ONNX node's name in
`meta["onnx_name"]` and its output's shape without the batch axis in `meta["shape"]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import fx, nn

import snnconv.graph.ops  # noqa: F401 - fills the registry
from snnconv.errors import ModelError, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.folding import FOLDABLE, Folder, shape_of
from snnconv.graph.inlining import inline_functions
from snnconv.graph.naming import Names, readable_name
from snnconv.graph.node import HANDLERS, PROBES, Activation, Call, Constant, NodeView, Refusal
from snnconv.graph.reading import read_initializers, read_input, read_opsets

__all__ = ["Imported", "import_graph", "module_of"]

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
BOUNDS = ("Clip", "Pad")  # their constants are no weights, and infinite with good reason


@dataclass(frozen=True)
class Imported:
    """An imported network.

    Attributes:
        graph: the modules.
        input_shape: of one input, without the batch axis.
        outputs: names of the outputs.
    """

    graph: fx.GraphModule
    input_shape: tuple[int, ...]
    outputs: tuple[str, ...]


def module_of(graph: fx.GraphModule, node: fx.Node) -> nn.Module:
    """The module that a `call_module` node calls."""
    return graph.get_submodule(str(node.target))


def _domain(node: onnx.NodeProto) -> str:
    return "" if node.domain == "ai.onnx" else node.domain


def _folds(node: onnx.NodeProto) -> bool:
    return not _domain(node) and node.op_type in FOLDABLE


def _live(graph: onnx.GraphProto) -> set[str]:
    """Names of the values that an output depends on."""
    live = {value.name for value in graph.output}
    for node in reversed(graph.node):
        if not live.isdisjoint(node.output):
            live.update(_reads(node))
    return live - {""}


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads, those in its subgraphs included."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)


class _Importer:
    """Walks the nodes in order; every refusal is gathered, so that all are reported at once."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.proto = model.graph
        self.opsets = read_opsets(model)
        self.live = _live(model.graph)
        self.values: dict[str, Constant | Activation] = {}
        # Outputs of refused nodes, and what depends on them: what only fails because of them is not reported.
        self.poisoned: set[str] = set()
        self.unknown_constants: set[str] = set()  # such as follow from the shape of one of those
        self.parameters: dict[tuple[str, str], nn.Parameter] = {}
        self.refused: list[UnsupportedNode] = []
        self.not_finite: list[str] = []
        self.folder = Folder()
        self.names = Names()
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.file_batch: int | None = None

    def run(self, size: int | None) -> Imported:
        """Import; `size` replaces open or other spatial sizes of the input."""
        self.values.update(read_initializers(self.proto))
        shape = self._read_input(size)
        for node in self.proto.node:
            if self.live.isdisjoint(node.output):
                continue
            self._check_names(node)
            if any(name in self.poisoned or name in self.unknown_constants for name in node.input):
                self._pass_over(node)
            elif not self._take(node):
                self.poisoned.update(node.output)
        self._raise_refused()
        return self._finish(shape)

    def _raise_refused(self) -> None:
        if self.not_finite and len(self.not_finite) == len(self.refused):
            names = ", ".join(dict.fromkeys(self.not_finite))
            raise ModelError(f"Weights hold NaN or infinite values: {names}. Export a healthy network.")
        if self.refused:
            raise UnsupportedOperatorsError("Operators that cannot be imported", self.refused)

    def _read_input(self, size: int | None) -> tuple[int, ...]:
        given = read_input(self.proto, size)
        self.file_batch = given.batch
        node = self.graph.placeholder("input")
        node.meta["shape"] = given.shape
        node.meta["onnx_name"] = given.name
        first, second = ((probe, *given.shape) for probe in PROBES)
        self.values[given.name] = Activation(node, (first, second))
        return given.shape

    def _check_names(self, node: onnx.NodeProto) -> None:
        missing = [name for name in node.input if name and not self._is_made(name)]
        if missing:
            raise ModelError(f"Node {readable_name(node)!r} reads {missing}, which nothing before it makes.")
        twice = [name for name in node.output if name and self._is_made(name)]
        if twice:
            raise ModelError(
                f"Node {readable_name(node)!r} makes {twice}, which the file has made before it."
            )

    def _is_made(self, name: str) -> bool:
        return name in self.values or name in self.poisoned or name in self.unknown_constants

    def _pass_over(self, node: onnx.NodeProto) -> None:
        """Follow the consequences of a refused node; only an operator that is unknown by itself is reported."""
        operands = [self.values[name] for name in node.input if name in self.values]
        self._check_finite(node, operands)
        constant = self.poisoned.isdisjoint(node.input) and all(isinstance(o, Constant) for o in operands)
        if node.op_type == "Shape" or (constant and _folds(node)):
            self.unknown_constants.update(node.output)
            return
        self.poisoned.update(node.output)
        if (_domain(node), node.op_type) not in HANDLERS:
            self._refuse_unknown(node)

    def _refuse_unknown(self, node: onnx.NodeProto) -> None:
        where = f" of domain {node.domain}" if _domain(node) else ""
        control = node.op_type in CONTROL_FLOW and not where
        reason = "control flow cannot be converted" if control else f"the operator{where} is not known"
        self.refused.append(UnsupportedNode(readable_name(node), node.op_type, reason))

    def _check_finite(self, node: onnx.NodeProto, operands: Sequence[Constant | Activation | None]) -> None:
        if _domain(node) or node.op_type in BOUNDS:
            return
        for operand in operands:
            if isinstance(operand, Constant) and not _is_finite(operand.values[0]):
                reason = f"its weight {operand.source!r} holds NaN or infinite values"
                self.refused.append(UnsupportedNode(readable_name(node), node.op_type, reason))
                self.not_finite.append(str(operand.source))

    def _take(self, node: onnx.NodeProto) -> bool:
        """Import one node; False where it is refused."""
        operands = [self.values[name] if name else None for name in node.input]
        domain = _domain(node)
        view = NodeView(
            node, readable_name(node), self.opsets.get(domain, 1), operands, self.parameters, self.file_batch
        )
        try:
            if node.op_type == "Shape" and not domain:
                self.values[node.output[0]] = shape_of(view)
            elif _folds(node) and all(o is None or isinstance(o, Constant) for o in operands):
                self.values.update(self.folder.fold(node, view))
            elif (domain, node.op_type) not in HANDLERS:
                self._refuse_unknown(node)
                return False
            else:
                self._check_finite(node, operands)
                self._add(node, view, _handle(view, domain))
        except Refusal as refusal:
            self.refused.append(view.refusal(str(refusal)))
            return False
        return True

    def _add(self, node: onnx.NodeProto, view: NodeView, calls: Sequence[Call]) -> None:
        asked = [name for name in node.output[len(calls) :] if name in self.live]
        if asked:
            raise Refusal(f"its outputs {asked} are not computed")
        for name, call in zip(node.output, calls, strict=False):
            if not name:
                continue
            activations = tuple(view.activation(position) for position in call.operands)
            for module in call.modules:
                activations = (self._call(view.name, module, activations),)
            self.values[name] = activations[0]

    def _call(self, onnx_name: str, module: nn.Module, operands: tuple[Activation, ...]) -> Activation:
        first, second = (_probe(module, operands, probe) for probe in range(len(PROBES)))
        target = self.names.unique(onnx_name)
        self.root.add_module(target, module)
        node = self.graph.call_module(target, tuple(operand.node for operand in operands))
        node.meta["onnx_name"] = onnx_name
        node.meta["shape"] = first[1:]
        return Activation(node, (first, second))

    def _finish(self, shape: tuple[int, ...]) -> Imported:
        names = tuple(value.name for value in self.proto.output)
        if not names:
            raise ModelError("The network has no output.")
        if len(set(names)) < len(names):
            raise ModelError(f"Two outputs have the same name: {', '.join(names)}.")
        outputs = []
        for name in names:
            found = self.values.get(name)
            if not isinstance(found, Activation):
                raise ModelError(f"The output {name!r} does not depend on the input.")
            outputs.append(found.node)
        self.graph.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        graph = fx.GraphModule(self.root, self.graph)
        graph.graph.eliminate_dead_code()
        graph.delete_all_unused_submodules()
        graph.recompile()
        graph.eval()
        return Imported(graph, shape, names)


def _is_finite(array: np.ndarray) -> bool:
    """Whether floating-point values are; kind V are the short formats that numpy does not know by itself."""
    return array.dtype.kind not in "fV" or bool(np.isfinite(array).all())


def _handle(view: NodeView, domain: str) -> Sequence[Call]:
    """A handler's answer as a list.

    Raises:
        Refusal: the handler cannot take the node, also because the node lacks what its operator requires.
    """
    try:
        answer = HANDLERS[domain, view.operator](view)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise Refusal(f"its attributes or inputs are malformed ({type(error).__name__}: {error})") from error
    return answer if isinstance(answer, list) else [answer]


def _probe(module: nn.Module, operands: tuple[Activation, ...], probe: int) -> tuple[int, ...]:
    """Shape of a module's output at one probe batch size, computed without data.

    Raises:
        Refusal: the operands' shapes do not fit the module.
    """
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    meta = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
    inputs = tuple(torch.empty(operand.shapes[probe], device="meta") for operand in operands)
    module.eval()
    try:
        with torch.no_grad():
            return tuple(torch.func.functional_call(module, meta, inputs).shape)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        shapes = ", ".join(str(operand.shapes[probe]) for operand in operands)
        raise Refusal(f"it cannot take inputs of shape {shapes}: {error}") from error


def import_graph(model: onnx.ModelProto, *, size: int | None = None) -> Imported:
    """Import an ONNX model as a graph of modules.

    Functions that the file defines are inlined; those of the domain `ai.snnconv` have handlers of their own.

    Args:
        model: weights included; it is not changed.
        size: height and width of the input, where the file leaves them open or another size is wanted.

    Raises:
        UnsupportedOperatorsError: lists every node that cannot be imported.
        ModelError: the network has several inputs, an unknown opset, or weights that are not finite.
        InvalidValueError: the height and width are open and `size` is not given.
    """
    return _Importer(inline_functions(model)).run(size)
