"""Another shape of the same values; the batch keeps its axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from torch import fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.moves import reshape
from snnconv.formats.nir.forms import flatten
from snnconv.graph.batch_reshape import resolve
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Reshape
from snnconv.graph.node import PROBES, Call, Constant, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, moved, register_operator
from snnconv.operators.forms import IN_FLOAT


def _read(node: NodeView) -> Call:
    target = node.operand(1)
    if not isinstance(target, Constant):
        raise Refusal("its target shape depends on the network's input, or is missing")
    targets = [[int(size) for size in value.reshape(-1)] for value in target.values]
    for first, second in _candidates(node, targets):
        if first[1:] == second[1:] and first[0] * PROBES[1] == second[0] * PROBES[0]:
            return Call((Reshape(Fraction(first[0], node.shape()[0]), first[1:]),))
    raise Refusal(
        f"its target shape {targets[0]} does not fit an input of shape {list(node.shape()[1:])} beside the "
        "batch, or mixes the batch axis with others"
    )


def _candidates(node: NodeView, targets: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    """Yield the meanings that the target may have, a shape at each probe; the likeliest first.

    A batch size that is written into the file, in its input or only in this target, gives way to the real
    one: the target is then worked out at the file's sizes batch size, and axis 0 is scaled.
    """
    shapes = node.activation().shapes
    allow_zero = bool(node.int_attribute("allowzero", 0))
    as_it_stands = [resolve(target, shape, allow_zero) for target, shape in zip(targets, shapes, strict=True)]
    written = []
    if targets[0] == targets[1]:
        batch = node.file_batch or 1
        for probe, shape in zip(PROBES, shapes, strict=True):
            sizes = resolve(targets[0], [shape[0] * batch // probe, *shape[1:]], allow_zero)
            written.append(sizes and _scaled(sizes, probe, batch))
    order = [written, as_it_stands] if node.file_batch else [as_it_stands]
    if not node.file_batch and targets[0][:1] == [1]:
        order.append(written)
    for meaning in order:
        resolved = [shape for shape in meaning if shape]
        if len(resolved) == len(PROBES):
            yield resolved


def _scaled(sizes: list[int], probe: int, batch: int) -> list[int] | None:
    return None if sizes[0] * probe % batch else [sizes[0] * probe // batch, *sizes[1:]]


def _write(module: Reshape, emission: Emission, inputs: Sequence[str], name: str) -> str:
    keep = module.batch_factor == 1
    shape = emission.ints([0 if keep else -1, *module.trailing], f"{name}.shape")
    return emission.node("Reshape", [*inputs, shape], name)


def _hardware(builder: HardwareBuilder, node: fx.Node, module: Reshape, inputs: list[HardwareSignal]) -> HardwareSignal:
    if module.batch_factor != 1:
        raise Refusal("it moves values between the batch and other axes")
    return reshape(builder, node, module, inputs)


RESHAPE = register_operator(
    Operator(
        modules=(Reshape,),
        reads={("", "Reshape"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=moved,
        shape=None,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": flatten},
    )
)
