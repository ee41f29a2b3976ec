"""ScatterElements: elements of a tensor that are replaced by others, or combined with them, each by its number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.kinds import Truncation, before_cast
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.graph.scatter import ScatterElements
from snnconv.graph.shapes import Shape
from snnconv.operators._constants import constant_of_samples, spread_over_batch
from snnconv.operators.comparison import check_ranks
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

DATA, INDICES, UPDATES = range(3)


def _read(node: NodeView) -> Call:
    reduction = node.attributes.get("reduction", "none")
    if reduction not in ("none", *ScatterElements.REDUCTIONS):
        raise Refusal(f"its reduction {reduction!r} is not known; none, add, mul, max and min are")
    positions = [at for at in (DATA, INDICES, UPDATES) if not node.is_constant(at)]
    operands = [node.activation(at) for at in positions]
    check_ranks(operands)
    rank = len(operands[0].shapes[0])
    constants = [constant_of_samples(node, at, rank) if node.is_constant(at) else None for at in range(3)]
    data = node.operand(DATA)
    sizes = data.shapes[0] if isinstance(data, Activation) else node.need_constant(DATA).shape
    axis = node.axis(node.int_attribute("axis", 0), rank)
    places = constants[INDICES]
    if places is not None and (places.numel() == 0 or places.min() < -sizes[axis] or places.max() >= sizes[axis]):
        raise Refusal(f"its indices leave an axis of size {sizes[axis]}, or there are none")
    kind = data.kind if isinstance(data, Activation) else node.kind_of_constant(DATA)
    sources = [before_cast(x, Truncation) if at == INDICES else x for at, x in zip(positions, operands, strict=True)]
    return Call((ScatterElements(axis, reduction, *constants),), tuple(sources), kind=kind)


def _write(module: ScatterElements, emission: Emission, inputs: Sequence[str], name: str) -> str:
    rest, operands = iter(inputs), []
    for part in ScatterElements.NAMES:
        if module.holds(part):
            array = module.get_buffer(part).cpu().numpy()
            array = array.astype(np.int64) if part == "indices" else array
            operands.append(spread_over_batch(emission, array, inputs[0], f"{name}.{part}"))
        elif part == "indices":
            operands.append(emission.node("Cast", [next(rest)], f"{name}.places", to=onnx.TensorProto.INT64))
        else:
            operands.append(next(rest))
    return emission.node("ScatterElements", operands, name, axis=module.axis, reduction=module.reduction)


def _changing(module: ScatterElements, changing: Sequence[bool]) -> dict[str, bool]:
    """Return which of the three change from step to step."""
    rest = iter(changing)
    return {part: not module.holds(part) and next(rest) for part in ScatterElements.NAMES}


def _time(module: ScatterElements, changing: Sequence[bool]) -> Time:
    """Affine in data and updates where the numbers do not change, and updates replace, are added, or do not change."""
    change = _changing(module, changing)
    affine = module.reduction in ("none", "add") or (module.reduction == "mul" and not change["updates"])
    return Time.AFFINE if affine and not change["indices"] else Time.FUNCTION


def _route(module: ScatterElements, counts: Sequence[Tensor]) -> Tensor | None:
    """Spikes that constant numbers leave where they are, or put elsewhere; a constant belongs to the next bias."""
    if not module.holds("indices") or module.reduction not in ("none", "add"):
        return None
    zeros = [torch.zeros_like(module.get_buffer(part)) if module.holds(part) else None for part in ("data", "updates")]
    places = module.get_buffer("indices")
    route = ScatterElements(module.axis, module.reduction, zeros[0], places, zeros[1])
    routed: Tensor = route(*counts)
    return routed


def _shape(module: ScatterElements, shapes: Sequence[Shape]) -> Shape:
    """The shape of the data, beyond which the numbers do not reach along other axes."""
    rest, batch = iter(shapes), shapes[0][0]
    data, indices, updates = (
        (batch, *module.get_buffer(part).shape[1:]) if module.holds(part) else tuple(next(rest))
        for part in ScatterElements.NAMES
    )
    if indices != updates:
        raise ValueError(f"there are updates {list(updates[1:])} for numbers {list(indices[1:])}")
    if len(data) != len(indices) or data[0] != indices[0]:
        raise ValueError("the numbers have other axes than the data, or are of some samples only")
    if any(new > old and axis != module.axis for axis, (new, old) in enumerate(zip(indices, data, strict=True))):
        raise ValueError("there are more numbers than elements along another axis than the one that they count along")
    return data


SCATTER_ELEMENTS = register_operator(
    Operator(
        modules=(ScatterElements,),
        reads={("", "ScatterElements"): _read, ("", "Scatter"): _read},
        write=_write,
        time=_time,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NoForm("how many elements are combined depends on their numbers"),
        routes=_route,
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
