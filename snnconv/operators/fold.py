"""Col2Im: blocks of an image that overlap are summed, each at its place."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, NoForm, Operator, Time, Work, register_operator
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read(node: NodeView) -> Call:
    image, block = (tuple(int(size) for size in node.need_constant(position)) for position in (1, 2))
    strides, dilations = (tuple(node.attributes.get(name, (1, 1))) for name in ("strides", "dilations"))
    pads = tuple(node.attributes.get("pads", (0, 0, 0, 0)))
    if len(image) != 2 or len(block) != 2:
        raise Refusal(f"its image {image} and its block {block} are not of two axes")
    if pads[:2] != pads[2:]:
        raise Refusal(f"its pads {list(pads)} differ at the beginning and the end")
    return Call((nn.Fold(image, block, dilations, pads[:2], strides),))


def _write(module: nn.Fold, emission: Emission, inputs: Sequence[str], name: str) -> str:
    image, block, dilations, pads, strides = (
        list(value if isinstance(value, Sequence) else (value, value))
        for value in (module.output_size, module.kernel_size, module.dilation, module.padding, module.stride)
    )
    operands = [*inputs, emission.ints(image, f"{name}.image"), emission.ints(block, f"{name}.block")]
    return emission.node("Col2Im", operands, name, dilations=dilations, pads=[*pads, *pads], strides=strides)


def _dense(module: nn.Fold, inputs: int, outputs: int) -> Work:
    """One addition an element of a block."""
    return Work(0, inputs)


FOLD = register_operator(
    Operator(
        modules=(nn.Fold,),
        reads={("", "Col2Im"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.ADDED),
        routes=NoForm("sums of spikes are no spikes"),
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
