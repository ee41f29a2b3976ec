"""GridSample: an image sampled at points that a grid states, as spatial transformers and flow warping do."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, moved, register_operator
from snnconv.graph.sampling import GridSample
from snnconv.graph.shapes import Shape
from snnconv.operators._constants import constant_of_samples, spread_over_batch
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

RANK = 4
NEW_NAMES = {"linear": "bilinear", "cubic": "bicubic"}  # of modes since opset 20


def _read(node: NodeView) -> Call:
    stated, padding = node.attributes.get("mode", "bilinear"), node.attributes.get("padding_mode", "zeros")
    mode = NEW_NAMES.get(stated, stated)
    if mode not in GridSample.MODES:
        raise Refusal(f"its mode {stated!r} is not known; linear, nearest and cubic are")
    if padding not in GridSample.PADDINGS:
        raise Refusal(f"its padding_mode {padding!r} is not known; {', '.join(GridSample.PADDINGS)} are")
    if node.rank() != RANK:
        raise Refusal(f"its input has {node.rank()} axes with the batch's; images, of {RANK}, are supported")
    aligned = bool(node.int_attribute("align_corners", 0))
    if not node.is_constant(1):
        return Call((GridSample(mode, padding, align_corners=aligned),), (0, 1))
    grid = constant_of_samples(node, 1, RANK)
    return Call((GridSample(mode, padding, align_corners=aligned, grid=grid),))


def _write(module: GridSample, emission: Emission, inputs: Sequence[str], name: str) -> str:
    operands = list(inputs)
    if module.grid is not None:
        operands.append(spread_over_batch(emission, module.grid.cpu().numpy(), inputs[0], f"{name}.grid"))
    aligned = int(module.align_corners)
    return emission.node(
        "GridSample", operands, name, mode=module.mode, padding_mode=module.padding, align_corners=aligned
    )


def _time(module: GridSample, changing: Sequence[bool]) -> Time:
    """Affine where the points do not change."""
    return Time.FUNCTION if module.grid is None and changing[1] else Time.AFFINE


def _route(module: GridSample, counts: Sequence[Tensor]) -> Tensor | None:
    """All that constant points take, where they take the nearest pixel: a value between two spikes is no spike."""
    return moved(module, counts) if module.grid is not None and module.mode == "nearest" else None


def _shape(module: GridSample, shapes: Sequence[Shape]) -> Shape:
    batch, channels, *_ = shapes[0]
    grid = shapes[1] if module.grid is None else (batch, *module.grid.shape[1:])
    if len(grid) != RANK or grid[0] != batch or grid[-1] != 2:
        raise ValueError("the grid must have a point of two numbers for each pixel of the output, [height, width, 2]")
    return (batch, channels, *grid[1:3])


GRID_SAMPLE = register_operator(
    Operator(
        modules=(GridSample,),
        reads={("", "GridSample"): _read},
        write=_write,
        time=_time,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NoForm("how many multiplications it takes depends on the runtime"),
        routes=_route,
        shape=_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
