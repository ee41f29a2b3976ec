"""Add, Sub, Mul, Div: of two activations, or of an activation and a constant."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Arithmetic, Operator
from snnconv.graph.node import HANDLERS, Call, NodeView, Refusal

OPERATORS: dict[str, Operator] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}


@HANDLERS.register(*(("", name) for name in OPERATORS))
def _import_arithmetic(node: NodeView) -> Call:
    operator = OPERATORS[node.operator]
    constants = [position for position in (0, 1) if node.is_constant(position)]
    if not constants:
        if node.rank(0) != node.rank(1):
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        return Call((Arithmetic(operator),), (0, 1))
    position = constants[0]
    array = node.need_constant(position)
    rank = node.rank(1 - position)
    if array.ndim > rank or (array.ndim == rank and array.shape[0] != 1):
        raise Refusal(f"its constant of shape {array.shape} differs between members of a batch")
    if operator == "div" and position == 1 and not array.all():
        raise Refusal("it divides by a constant that is 0")
    module = Arithmetic(operator, node.parameter(position), constant_first=position == 0)
    return Call((module,), (1 - position,))


@EMITTERS.register(Arithmetic)
def _emit_arithmetic(module: Arithmetic, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    if len(operands) == 1:
        assert module.constant is not None
        constant = emission.parameter(module.constant, f"{name}.constant")
        operands.insert(0 if module.constant_first else 1, constant)
    return emission.node(module.operator.capitalize(), operands, name)
