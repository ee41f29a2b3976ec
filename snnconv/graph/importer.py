"""ONNX graph -> fx.GraphModule of ordinary modules, one a node.

The graph holds `placeholder`, `call_module` and `output` nodes only. A module's node keeps the ONNX node's
name in `meta["onnx_name"]` and its output's shape without the batch axis in `meta["shape"]`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from torch import fx, nn

from snnconv.errors import ModelError, SnnconvWarning, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.batch_axis import batch_first
from snnconv.graph.building import GraphBuilder
from snnconv.graph.folding import FOLDABLE, Folder, broadcast_of, cast_like, piece_of, pieces_of, shape_of
from snnconv.graph.inlining import inline_functions
from snnconv.graph.naming import readable_name
from snnconv.graph.node import (
    HANDLERS,
    PROBES,
    Activation,
    Call,
    Constant,
    EmptyTensor,
    NodeView,
    Operand,
    Pieces,
    Refusal,
    read_attributes,
)
from snnconv.graph.outputs import outputs_of
from snnconv.graph.parts import Part
from snnconv.graph.passes import RECOGNISE, run_passes
from snnconv.graph.placement import Placed, placed
from snnconv.graph.reading import (
    InputShape,
    StatedPart,
    in_order,
    live_values,
    only_shapes,
    read_initializers,
    read_input,
    read_opsets,
)
from snnconv.graph.refusals import first_output, named_refusals, reason_of
from snnconv.graph.sample_rows import numbered, rows_after
from snnconv.graph.size import Size
from snnconv.graph.tail import boundary, is_tail, left_out_text

__all__ = ["Imported", "import_graph"]

SHOWN = 3  # nodes that a warning names
# Operators whose constants are no weights, and infinite with good reason.
BOUNDS = ("Clip", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Pad", "Where")
MASKED = ("Add", "Sub")  # by constants of which some are minus infinity


@dataclass(frozen=True)
class Imported:
    """An imported network.

    Attributes:
        graph: Modules and their calls.
        input_shape: Shape of one input, without the batch axis; of one frame where the input changes over time.
        outputs: Names of the outputs.
        frames: Number T of the input's frames, `[T, B, *input_shape]`; None: a still input `[B, *input_shape]`.
        channels_last: True where the input is an image `[H, W, C]`.
        parts: Named inputs that lie one behind the other in rows of numbers; empty where the input is an image or flat.
    """

    graph: fx.GraphModule
    input_shape: tuple[int, ...]
    outputs: tuple[str, ...]
    frames: int | None = None
    channels_last: bool = False
    parts: tuple[StatedPart, ...] = ()


def _domain(node: onnx.NodeProto) -> str:
    return "" if node.domain == "ai.onnx" else node.domain


def _folds(node: onnx.NodeProto) -> bool:
    return not _domain(node) and node.op_type in FOLDABLE


class _Importer:
    """Walks the nodes in order; every refusal is gathered, so that all are reported at once."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.proto = model.graph
        self.opsets = read_opsets(model)
        self.live = live_values(model.graph)
        self.only_shapes = only_shapes(model.graph)
        self.named = named_refusals(model.graph)
        self.values: dict[str, Operand] = {}
        # Outputs of refused nodes, and what depends on them: what only fails because of them is not reported.
        self.poisoned: set[str] = set()
        self.unknown_constants: set[str] = set()  # such as follow from the shape of one of those
        self.parameters: dict[tuple[str, str], nn.Parameter] = {}
        self.refused: list[UnsupportedNode] = []
        self.left_out: list[onnx.NodeProto] = []  # nodes that were refused, and those that depend on them
        self.not_finite: list[str] = []
        self.narrowed: dict[str, list[str]] = {}  # nodes that round their output, by the type to which they round it
        self.folder = Folder()
        self.builder = GraphBuilder()
        self.file_batch: int | None = None
        self.outputs = [value.name for value in model.graph.output]

    def run(self, size: Size | None, shapes: Mapping[str, Sequence[int]] | None) -> Imported:
        """Import; `size` replaces open or other spatial sizes of the input, `shapes` those of named inputs."""
        self.values.update(read_initializers(self.proto))
        stated = read_input(self.proto, size, shapes)
        self.file_batch = stated.batch
        source = self.builder.input(stated.name, stated.shape, stated.frames)
        self.values.update(self._parts(source, stated.parts) if stated.parts else {stated.name: source})
        self._walk(node for node in self.proto.node if not self.live.isdisjoint(node.output))
        self._leave_tail_out()
        self._raise_refused()
        self._warn_of_narrowed(stated.kind)
        return self._finish(stated)

    def _parts(self, source: Activation, parts: Sequence[StatedPart]) -> dict[str, Activation]:
        """Cut named inputs out of the rows that hold them."""
        values, offset = {}, 0
        for part in parts:
            cut = Part(part.name, offset, part.shape, part.kind)
            values[part.name] = replace(self.builder.call(part.name, cut, (source,)), kind=part.kind)
            offset += math.prod(part.shape)
        return values

    def _walk(self, nodes: Iterable[onnx.NodeProto]) -> None:
        """Import nodes in order."""
        for node in nodes:
            self._check_names(node)
            if any(name in self.poisoned or name in self.unknown_constants for name in node.input):
                self._pass_over(node)
                self.left_out.append(node)
            elif not (self._take_branch(node) or self._take(node)):
                self.poisoned.update(node.output)
                self.left_out.append(node)

    def _take_branch(self, node: onnx.NodeProto) -> bool:
        """Import the branch that an `If` takes whatever the input is; False of anything else."""
        condition = self.values.get(node.input[0]) if node.op_type == "If" and node.input else None
        if not isinstance(condition, Constant) or condition.fixed is None:
            return False
        branch = read_attributes(node)["then_branch" if condition.fixed.all() else "else_branch"]
        self.values.update(read_initializers(branch))
        self._walk(branch.node)
        for name, value in zip(node.output, branch.output, strict=True):
            if value.name in self.values:
                self.values[name] = self.values[value.name]
            else:
                self.poisoned.add(name)
        return True

    def _leave_tail_out(self) -> None:
        """Make what the end of a detector reads the outputs, where all that is refused belongs to that."""
        refused = {node.name for node in self.refused}
        nodes = [node for node in self.left_out if readable_name(node) in refused]
        if not is_tail(nodes, self.left_out) or self.not_finite:
            return
        read = boundary(self.left_out, self.values)
        known = [value.name for value in self.proto.output if value.name in self.values]
        names = list(dict.fromkeys([*known, *read]))
        if not read or any(value.batch_axis or value.merged > 1 or value.rows for value in read.values()):
            return
        self.outputs, self.refused = names, []
        warnings.warn(left_out_text(self.left_out, list(read)), SnnconvWarning, stacklevel=2)

    def _raise_refused(self) -> None:
        if self.not_finite and len(self.not_finite) == len(self.refused):
            names = ", ".join(dict.fromkeys(self.not_finite))
            raise ModelError(f"Weights hold NaN or infinite values: {names}. Export a healthy network.")
        if self.refused:
            raise UnsupportedOperatorsError("Operators that cannot be imported", self.refused)

    def _warn_of_narrowed(self, input_kind: str) -> None:
        """Say that values are not rounded as the file asks; a file of which the input is of that type is all of it."""
        for kind, names in self.narrowed.items():
            if kind != input_kind:
                shown = ", ".join(repr(name) for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
                warnings.warn(
                    f"The network casts activations to {kind} ({len(names)}: {shown}), which is left out: it is "
                    f"computed in float32 throughout, so that values which {kind} rounds, or is too narrow for, differ "
                    "from what other runtimes compute. Export the network in float32 to have them agree.",
                    SnnconvWarning,
                    stacklevel=2,
                )

    def _check_names(self, node: onnx.NodeProto) -> None:
        missing = [name for name in node.input if name and not self._is_made(name)]
        if missing:
            raise ModelError(f"Node {readable_name(node)!r} reads {missing}, which nothing before it makes.")
        twice = [name for name in node.output if name and self._is_made(name)]
        if twice:
            raise ModelError(f"Node {readable_name(node)!r} makes {twice}, which the file has made before it.")

    def _is_made(self, name: str) -> bool:
        return name in self.values or name in self.poisoned or name in self.unknown_constants

    def _pass_over(self, node: onnx.NodeProto) -> None:
        """Follow what a refused node entails; only an operator that is unknown by itself is reported."""
        operands = [self.values[name] for name in node.input if name in self.values]
        self._is_finite(node, operands)
        if self._is_constant(node):
            self.unknown_constants.update(node.output)
            return
        self.poisoned.update(node.output)
        known = (_domain(node), node.op_type) in HANDLERS or (node.op_type == "SequenceAt" and not _domain(node))
        if first_output(node) in self.named or not known:
            self._refuse_unknown(node)

    def _is_constant(self, node: onnx.NodeProto) -> bool:
        """Whether a node would make a constant, if the refused one before it were known."""
        if node.op_type == "Shape" and not _domain(node):
            return True
        inputs = node.input[:1] if node.op_type == "CastLike" else node.input
        return _folds(node) and all(
            name in self.unknown_constants or isinstance(self.values.get(name), Constant) for name in inputs if name
        )

    def _refuse_unknown(self, node: onnx.NodeProto) -> None:
        reason = self.named.get(first_output(node)) or reason_of(node.op_type, _domain(node))
        self.refused.append(UnsupportedNode(readable_name(node), node.op_type, reason))

    def _is_finite(self, node: onnx.NodeProto, operands: Sequence[Operand | None]) -> bool:
        """Whether a standard operator's weights are all finite; those that are not are noted."""
        if _domain(node) or node.op_type in BOUNDS:
            return True
        constants = [operand for operand in operands if isinstance(operand, Constant)]
        broken = [constant.source for constant in constants if not _all_finite(constant.values[0], node.op_type)]
        for source in broken:
            reason = f"its weight {source!r} holds NaN or infinite values"
            self.refused.append(UnsupportedNode(readable_name(node), node.op_type, reason))
        self.not_finite += broken
        return not broken

    def _take(self, node: onnx.NodeProto) -> bool:
        """Import one node; False where it is refused."""
        operands = [self.values[name] if name else None for name in node.input]
        domain = _domain(node)
        view = NodeView(
            node, readable_name(node), self.opsets.get(domain, 1), operands, self.parameters, self.file_batch
        )
        try:
            known = self._resolve(node, view) if not domain else {}
            self.values.update(known)
            if known:
                return True
            if first_output(node) in self.named or (domain, node.op_type) not in HANDLERS:
                self._refuse_unknown(node)
                return False
            if not self._is_finite(node, operands):
                return False
            place, calls = _handle(view, domain)
            self._add(node, place, calls)
            for kind in {call.narrowed for call in calls} - {""}:
                self.narrowed.setdefault(kind, []).append(view.name)
        except EmptyTensor as refusal:
            return self._take_empty(node, refusal.shape) or self._refuse(view, refusal)
        except Refusal as refusal:
            return self._refuse(view, refusal)
        return True

    def _refuse(self, view: NodeView, refusal: Refusal) -> bool:
        self.refused.append(view.refusal(str(refusal)))
        return False

    def _take_empty(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> bool:
        """Import a slice of no elements, which is joined to others and nothing else."""
        readers = [reader.op_type for reader in self.proto.node if node.output[0] in reader.input]
        if node.op_type != "Slice" or set(readers) != {"Concat"} or shape[0] != PROBES[0]:
            return False
        first, second = (np.zeros((probe, *shape[1:]), np.float32) for probe in PROBES)
        self.values[node.output[0]] = Constant((first, second), node.output[0])
        return True

    def _resolve(self, node: onnx.NodeProto, view: NodeView) -> dict[str, Operand]:
        """Outputs of a standard operator that calls no module: constants, and parts of what was split."""
        operands = view.operands
        if node.op_type == "Shape":
            return {node.output[0]: shape_of(view)}
        if node.op_type in FOLDABLE and all(o is None or isinstance(o, Constant) for o in operands):
            return dict(self.folder.fold(node, view))
        if node.op_type == "Max" and node.output[0] in self.only_shapes:
            return {node.output[0]: broadcast_of(view)}
        kinds = [type(operand) for operand in operands]
        if node.op_type == "CastLike" and kinds == [Constant, Activation]:
            return {node.output[0]: cast_like(view)}
        if node.op_type == "SplitToSequence" and kinds == [Constant, Constant]:
            return {node.output[0]: pieces_of(view)}
        if node.op_type == "SequenceAt" and kinds == [Pieces, Constant]:
            return {node.output[0]: piece_of(view)}
        return {}

    def _add(self, node: onnx.NodeProto, place: Placed, calls: Sequence[Call]) -> None:
        def made(call: Call) -> Activation:
            return placed(self.builder.chain(place.view, call), place)

        if node.op_type == "SplitToSequence":
            self.values[node.output[0]] = Pieces(tuple(made(call) for call in calls))
            return
        asked = [name for name in node.output[len(calls) :] if name in self.live]
        if asked:
            raise Refusal(f"its outputs {asked} are not computed")
        for name, call in zip(node.output, calls, strict=False):
            if name:
                self.values[name] = made(call)

    def _finish(self, stated: InputShape) -> Imported:
        outputs = outputs_of(self.outputs, self.values)
        graph = self.builder.finish(list(outputs.values()))
        run_passes(graph, RECOGNISE)
        return Imported(graph, stated.shape, tuple(outputs), stated.frames, stated.channels_last, stated.parts)


def _all_finite(array: np.ndarray, operator: str) -> bool:
    """Whether floating-point values are; kind V are the short formats that numpy does not know by itself."""
    if array.dtype.kind == "V":
        array = array.astype(np.float32)
    if array.dtype.kind != "f":
        return True
    return bool((np.isfinite(array) | (np.isneginf(array) if operator in MASKED else False)).all())


def _placed(view: NodeView, domain: str) -> Placed:
    """A node as it acts on tensors whose axis 0 is the batch's.

    Raises:
        Refusal: It mixes the batch with other axes.
    """
    if not domain:
        numbers = numbered(view)
        if numbers is not None:
            return Placed(view, calls=(numbers[0],), rows=numbers[1])
        return replace(batch_first(view), rows=rows_after(view))
    if any(isinstance(operand, Activation) and (operand.batch_axis or operand.merged > 1) for operand in view.operands):
        raise Refusal("it takes a tensor whose batch axis was moved, and no node before it moves it back")
    return Placed(view)


def _handle(view: NodeView, domain: str) -> tuple[Placed, Sequence[Call]]:
    """A node as it acts on tensors whose axis 0 is the batch's, and its handler's answer as a list.

    Raises:
        Refusal: the handler cannot take the node, also because the node lacks what its operator requires.
    """
    try:
        place = _placed(view, domain)
        answer = HANDLERS[domain, view.operator](place.view) if place.calls is None else place.calls
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise Refusal(f"its attributes or inputs are malformed ({type(error).__name__}: {error})") from error
    return place, [answer] if isinstance(answer, Call) else answer


def import_graph(
    model: onnx.ModelProto, *, size: Size | None = None, shapes: Mapping[str, Sequence[int]] | None = None
) -> Imported:
    """Import an ONNX model as a graph of modules.

    Functions that the file defines are inlined; those of the domain `ai.snnconv` have handlers of their own.

    Args:
        model: Model with its weights; it is not changed.
        size: Height and width of the input, where the file leaves them open or another size is wanted.
        shapes: Shapes of named inputs, without the batch axis, where the file leaves axes open.

    Raises:
        UnsupportedOperatorsError: lists every node that cannot be imported.
        ModelError: the network has no input, an unknown opset, or weights that are not finite.
        InvalidValueError: a shape is open, and neither `size` nor `shapes` closes it.

    Warns:
        SnnconvWarning: activations are cast to a floating-point type with fewer digits than float32.
    """
    return _Importer(in_order(inline_functions(model))).run(size, shapes)
