"""Let linear operators take in the batch-norm or constants before them, as in Conv - ReLU - BN - Conv.

    W BN(x) + b = (W·γ/σ) x + (W (β - μ·γ/σ) + b)        σ = sqrt(var + eps)

Spikes then reach the operator as they are. A shift reaches every position of the output alike only where no zeros are
padded: W of a border position sees fewer of it. A bias for each position would be exact, but as large as the output and
bound to the input's size; padding with -shift/scale would be, but no operator pads every channel with a value of its
own. So such a map stays where it is, unless it only scales.

Reshaping and means between the map and the operator pass it on. It goes if every user of it can take it in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from snnconv.graph.access import calls, finish, module_of, operands
from snnconv.graph.linear import CONVOLUTIONS, LINEAR, TRANSPOSED, channels_at, pads_zeros
from snnconv.graph.modules import AveragePool, ReduceMean, Reshape
from snnconv.graph.passes.affine import Affine, affine_of, per_channel, scale_input
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.fold_affine import AFFINE_FOLDED
from snnconv.graph.passes.merge_constants import CONSTANTS_MERGED
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["AFFINE_ABSORBED", "absorb_affine"]


@dataclass(frozen=True)
class _Intake:
    """A linear operator with the map of its input, `[C_in]`."""

    linear: nn.Module
    affine: Affine


def _match(graph: fx.GraphModule, node: fx.Node) -> list[_Intake] | None:
    affine = affine_of(graph, node)
    if affine is None:
        return None
    if affine.shift is not None and not affine.shift.any():
        affine = Affine(affine.scale, None)
    return _intakes(graph, node, affine)


def _intakes(graph: fx.GraphModule, node: fx.Node, affine: Affine) -> list[_Intake] | None:
    """How every user of a node takes in a map of its output; None where one cannot."""
    intakes: list[_Intake] = []
    for user in node.users:
        if user.op != "call_module" or len(user.args) != 1:
            return None
        module = module_of(graph, user)
        if isinstance(module, LINEAR):
            intake = _intake(module, affine, node.meta["shape"])
            more = None if intake is None else [intake]
        else:
            passed = _passed_on(module, affine, node.meta["shape"], user.meta["shape"])
            more = None if passed is None else _intakes(graph, user, passed)
        if more is None:
            return None
        intakes += more
    return intakes or None


def _intake(linear: nn.Module, affine: Affine, shape: tuple[int, ...]) -> _Intake | None:
    if affine.shift is not None and not _is_even(linear):
        return None
    axis = channels_at(linear, len(shape))
    channels = per_channel(affine, axis, shape[axis])
    return None if channels is None else _Intake(linear, channels)


def _is_even(linear: Any) -> bool:
    """Whether a constant input makes a constant output."""
    if isinstance(linear, CONVOLUTIONS):
        return not pads_zeros(linear)
    if isinstance(linear, TRANSPOSED):  # every position must see the whole kernel: what does not is cut off
        reaches = [reach * (taps - 1) for reach, taps in zip(linear.dilation, linear.kernel_size, strict=True)]
        cuts: Any = linear.padding  # typed as of a convolution, where it can be a word
        whole = all(cut >= reach for cut, reach in zip(cuts, reaches, strict=True))
        return whole and set(linear.stride) == {1} and not any(linear.output_padding)
    return True


def _passed_on(module: nn.Module, affine: Affine, given: tuple[int, ...], made: tuple[int, ...]) -> Affine | None:
    """The map after a module that equals the map before it; None where there is none."""
    if isinstance(module, nn.Flatten) or (isinstance(module, Reshape) and module.batch_factor == 1):
        same = math.prod(given) == math.prod(made)  # else the batch is flattened too
        return affine.map(lambda values: values.expand(given).reshape(made)) if same else None
    if isinstance(module, AveragePool):
        adds_zeros = affine.shift is not None and any(module.pads) and module.count_include_pad
        return None if adds_zeros or _changes(affine, range(1, len(given))) else affine
    if isinstance(module, ReduceMean):
        axes = tuple(axis % (len(given) + 1) - 1 for axis in module.axes)
        if _changes(affine, axes):
            return None
        return affine if module.keepdims else affine.map(lambda values: values.squeeze(axes))
    return None


def _changes(affine: Affine, axes: Iterable[int]) -> bool:
    """Whether a map is not the same along the axes."""
    return any(values.shape[axis] != 1 for values in affine.tensors for axis in axes)


def _absorb(graph: fx.GraphModule) -> bool:
    changed = False
    for node in reversed(calls(graph)):  # of two maps in a row the second goes first
        if (intakes := _match(graph, node)) is not None:
            for intake in intakes:
                scale_input(intake.linear, intake.affine)
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
            changed = True
    return finish(graph, changed)


AFFINE_ABSORBED = Property(
    "no batch-norm or constant before linear operators that could all take it in",
    lambda graph: all(_match(graph, node) is None for node in calls(graph)),
)

absorb_affine = Pass(
    "absorb_affine",
    _absorb,
    requires=frozenset({SEPARATE_CALLS}),
    ensures=frozenset({AFFINE_ABSORBED}),
    keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES, CONSTANTS_MERGED, AFFINE_FOLDED}),
)
