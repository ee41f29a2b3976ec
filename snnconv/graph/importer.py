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

from snnconv.errors import ModelError, SnnconvWarning
from snnconv.graph.building import GraphBuilder
from snnconv.graph.dispatch import domain_of, handled, resolved
from snnconv.graph.folding import Folder
from snnconv.graph.inlining import inline_functions
from snnconv.graph.naming import readable_name
from snnconv.graph.node import (
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
from snnconv.graph.node_order import in_order, live_values, only_shapes
from snnconv.graph.outputs import outputs_of
from snnconv.graph.parts import Part
from snnconv.graph.passes import RECOGNISE, run_passes
from snnconv.graph.placement import Placed, placed
from snnconv.graph.reading import read_initializers, read_opsets
from snnconv.graph.refused_nodes import RefusedNodes
from snnconv.graph.size import Size
from snnconv.graph.stated_input import InputShape, StatedPart, read_input
from snnconv.graph.tail import boundary, is_tail, left_out_text

__all__ = ["Imported", "import_graph"]

SHOWN = 3  # nodes that a warning names


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


class _Importer:
    """Walks the nodes in order; every refusal is gathered, so that all are reported at once."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.proto = model.graph
        self.opsets = read_opsets(model)
        self.live = live_values(model.graph)
        self.only_shapes = only_shapes(model.graph)
        self.values: dict[str, Operand] = {}
        self.refused = RefusedNodes(model.graph, self.values)
        self.parameters: dict[tuple[str, str], nn.Parameter] = {}
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
        self.refused.raise_all()
        _warn_of_narrowed(self.narrowed, stated.kind)
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
            if any(self.refused.makes(name) for name in node.input):
                self.refused.pass_over(node)
            elif not (self._take_branch(node) or self._take(node)):
                self.refused.leave_out(node)

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
                self.refused.poisoned.add(name)
        return True

    def _leave_tail_out(self) -> None:
        """Make what the end of a detector reads the outputs, where all that is refused belongs to that."""
        refused, left_out = {node.name for node in self.refused.reported}, self.refused.left_out
        nodes = [node for node in left_out if readable_name(node) in refused]
        if not is_tail(nodes, left_out) or self.refused.not_finite:
            return
        read = boundary(left_out, self.values)
        known = [value.name for value in self.proto.output if value.name in self.values]
        names = list(dict.fromkeys([*known, *read]))
        if not read or any(value.batch_axis or value.merged > 1 or value.rows for value in read.values()):
            return
        self.outputs, self.refused.reported = names, []
        warnings.warn(left_out_text(left_out, list(read)), SnnconvWarning, stacklevel=2)

    def _check_names(self, node: onnx.NodeProto) -> None:
        missing = [name for name in node.input if name and not self._is_made(name)]
        if missing:
            raise ModelError(f"Node {readable_name(node)!r} reads {missing}, which nothing before it makes.")
        twice = [name for name in node.output if name and self._is_made(name)]
        if twice:
            raise ModelError(f"Node {readable_name(node)!r} makes {twice}, which the file has made before it.")

    def _is_made(self, name: str) -> bool:
        return name in self.values or self.refused.makes(name)

    def _take(self, node: onnx.NodeProto) -> bool:
        """Import one node; False where it is refused."""
        operands = [self.values[name] if name else None for name in node.input]
        domain = domain_of(node)
        view = NodeView(
            node, readable_name(node), self.opsets.get(domain, 1), operands, self.parameters, self.file_batch
        )
        try:
            known = resolved(node, view, self.folder, self.only_shapes) if not domain else {}
            self.values.update(known)
            if known:
                return True
            if not self.refused.is_known(node):
                self.refused.refuse_unknown(node)
                return False
            if not self.refused.has_finite(node, operands):
                return False
            place, calls = handled(view, domain)
            self._add(node, place, calls)
            for kind in {call.narrowed for call in calls} - {""}:
                self.narrowed.setdefault(kind, []).append(view.name)
        except Refusal as refusal:
            if isinstance(refusal, EmptyTensor) and self._take_empty(node, refusal.shape):
                return True
            self.refused.refuse(view, refusal)
            return False
        return True

    def _take_empty(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> bool:
        """Import a slice of no elements, which is joined to others and nothing else."""
        readers = [reader.op_type for reader in self.proto.node if node.output[0] in reader.input]
        if node.op_type != "Slice" or set(readers) != {"Concat"} or shape[0] != PROBES[0]:
            return False
        first, second = (np.zeros((probe, *shape[1:]), np.float32) for probe in PROBES)
        self.values[node.output[0]] = Constant((first, second), node.output[0])
        return True

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


def _warn_of_narrowed(narrowed: Mapping[str, Sequence[str]], input_kind: str) -> None:
    """Say that values are not rounded as the file asks; a file of which the input is of that type is all of it."""
    for kind, names in narrowed.items():
        if kind != input_kind:
            shown = ", ".join(repr(name) for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
            warnings.warn(
                f"The network casts activations to {kind} ({len(names)}: {shown}), which is left out: it is "
                f"computed in float32 throughout, so that values which {kind} rounds, or is too narrow for, differ "
                "from what other runtimes compute. Export the network in float32 to have them agree.",
                SnnconvWarning,
                stacklevel=3,
            )


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
