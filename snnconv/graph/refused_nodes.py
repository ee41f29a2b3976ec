"""The nodes of a file that cannot be imported, gathered so that all are reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from snnconv.errors import ModelError, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.dispatch import can_fold, domain_of
from snnconv.graph.naming import readable_name
from snnconv.graph.node import HANDLERS, Constant, NodeView, Operand, Refusal
from snnconv.graph.refusals import first_output, named_refusals, reason_of

__all__ = ["RefusedNodes"]

# Operators whose constants are no weights, and infinite with good reason.
BOUNDS = ("Clip", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Pad", "Where")
MASKED = ("Add", "Sub")  # by constants of which some are minus infinity


class RefusedNodes:
    """The refused nodes, and what depends on them: what only fails because of them is not reported.

    Args:
        graph: Graph of the file.
        values: Values that are known, by name; they become more as the file is walked through.

    Attributes:
        reported: Entries of the error.
        left_out: Nodes that were refused, and those that depend on them.
        poisoned: Names of what these nodes make.
        unknown_constants: Names of constants that follow from the shape of one of those.
        not_finite: Names of weights that are not finite.
    """

    def __init__(self, graph: onnx.GraphProto, values: Mapping[str, Operand]) -> None:
        self.reported: list[UnsupportedNode] = []
        self.left_out: list[onnx.NodeProto] = []
        self.poisoned: set[str] = set()
        self.unknown_constants: set[str] = set()
        self.not_finite: list[str] = []
        self._named = named_refusals(graph)
        self._values = values

    def makes(self, name: str) -> bool:
        """Return whether a value of this name would be there, were nothing refused."""
        return name in self.poisoned or name in self.unknown_constants

    def leave_out(self, node: onnx.NodeProto) -> None:
        """Note a refused node: what reads it is not reported."""
        self.poisoned.update(node.output)
        self.left_out.append(node)

    def pass_over(self, node: onnx.NodeProto) -> None:
        """Follow what a refused node entails; only an operator that is unknown by itself is reported."""
        self.left_out.append(node)
        operands = [self._values[name] for name in node.input if name in self._values]
        self.has_finite(node, operands)
        if self._is_constant(node):
            self.unknown_constants.update(node.output)
            return
        self.poisoned.update(node.output)
        is_piece = node.op_type == "SequenceAt" and not domain_of(node) and first_output(node) not in self._named
        if not (self.is_known(node) or is_piece):
            self.refuse_unknown(node)

    def is_known(self, node: onnx.NodeProto) -> bool:
        """Return whether there is a reader of a node's operator, and nothing else speaks against the node."""
        return first_output(node) not in self._named and (domain_of(node), node.op_type) in HANDLERS

    def refuse_unknown(self, node: onnx.NodeProto) -> None:
        """Report a node for its operator."""
        reason = self._named.get(first_output(node)) or reason_of(node.op_type, domain_of(node))
        self.reported.append(UnsupportedNode(readable_name(node), node.op_type, reason))

    def refuse(self, view: NodeView, refusal: Refusal) -> None:
        """Report a node for what its reader says."""
        self.reported.append(view.refusal(str(refusal)))

    def has_finite(self, node: onnx.NodeProto, operands: Sequence[Operand | None]) -> bool:
        """Return whether a standard operator's weights are all finite; those that are not are noted."""
        if domain_of(node) or node.op_type in BOUNDS:
            return True
        constants = [operand for operand in operands if isinstance(operand, Constant)]
        broken = [constant.source for constant in constants if not _all_finite(constant.values[0], node.op_type)]
        for source in broken:
            reason = f"its weight {source!r} holds NaN or infinite values"
            self.reported.append(UnsupportedNode(readable_name(node), node.op_type, reason))
        self.not_finite += broken
        return not broken

    def raise_all(self) -> None:
        """Refuse the file where a node of it was.

        Raises:
            ModelError: All that is refused are weights that are not finite.
            UnsupportedOperatorsError: Anything else is refused.
        """
        if self.not_finite and len(self.not_finite) == len(self.reported):
            names = ", ".join(dict.fromkeys(self.not_finite))
            raise ModelError(f"Weights hold NaN or infinite values: {names}. Export a healthy network.")
        if self.reported:
            raise UnsupportedOperatorsError("Operators that cannot be imported", self.reported)

    def _is_constant(self, node: onnx.NodeProto) -> bool:
        """Whether a node would make a constant, if the refused one before it were known."""
        if node.op_type == "Shape" and not domain_of(node):
            return True
        inputs = node.input[:1] if node.op_type == "CastLike" else node.input
        return can_fold(node) and all(
            name in self.unknown_constants or isinstance(self._values.get(name), Constant) for name in inputs if name
        )


def _all_finite(array: np.ndarray, operator: str) -> bool:
    """Whether floating-point values are; kind V are the short formats that numpy does not know by itself."""
    if array.dtype.kind == "V":
        array = array.astype(np.float32)
    if array.dtype.kind != "f":
        return True
    return bool((np.isfinite(array) | (np.isneginf(array) if operator in MASKED else False)).all())
