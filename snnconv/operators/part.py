"""Named inputs: each is an input of the file that is written."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from snnconv.graph.emission import Emission
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator
from snnconv.graph.parts import Part
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _write(module: Part, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """The file's own input is it; whole numbers and booleans are cast."""
    if module.kind == "float":
        return module.name
    return emission.node("Cast", [module.name], name, to=onnx.TensorProto.FLOAT)


PART = register_operator(
    Operator(
        modules=(Part,),
        reads={},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
