"""Recognise normalizations that files write operator by operator.

    LayerNorm    γ·d/√(k·mean(d²) + ε) + β,  d = x - mean(x)
    RMSNorm      γ·x/√(k·mean(x²) + ε)
    unit length  x/max(||x||, ε)

over the last axes, or over one other axis, which is moved to the end and back. A factor k of the variance, as of one
that divides by n - 1, or by nothing, belongs to γ and ε: `1/√(k·v + ε) = k^(-1/2)/√(v + ε/k)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from snnconv.graph.modules import Expand, ReduceMean, ReduceSum, Reshape, Transpose, Unsqueeze
from snnconv.graph.normalizations import LpNormalize
from snnconv.graph.passes.recognition import Rule, recognition
from snnconv.graph.patterns import Either, Match, ModuleCall, Operand, Pattern, Product, Sum
from snnconv.graph.reductions import ReduceL1, ReduceL2, ReduceSumSquare, Reduction

__all__ = ["filled", "over_axes", "recognise_normalizations"]

X = Operand("x")


def _over_deviation(values: Pattern) -> Product:
    """`γ·values/√(k·mean(values²) + ε)`."""
    of_squares = ModuleCall((ReduceMean, ReduceSum), (Product(((values, 2.0),)),), name="square")
    square = Either((of_squares, ModuleCall(ReduceSumSquare, (values,), name="square")))
    mean = Product(((square, 1.0),), "k")
    variance = Either((mean, ModuleCall((Reshape, Unsqueeze), (mean,), name="restored")))
    return Product(((values, 1.0), (Sum((variance,), "eps"), -0.5)), "weight")


def _is_lower_bound(module: nn.Hardtanh) -> bool:
    return module.min_val > 0 and math.isinf(module.max_val)


MEAN = ModuleCall(ReduceMean, (X,), lambda module: module.keepdims, name="mean")
LAYER_NORM = Sum((_over_deviation(Sum((X, Product(((MEAN, 1.0),), -1.0)))),), "bias")
RMS_NORM = _over_deviation(X)
LENGTH = ModuleCall((ReduceL1, ReduceL2), (X,), lambda module: module.keepdims and len(module.axes) == 1, name="length")
AT_LEAST = ModuleCall(
    nn.Hardtanh, (LENGTH,), lambda module: module.min_val > 0 and math.isinf(module.max_val), name="least"
)
UNIT_LENGTH = Product(((X, 1.0), (Either((AT_LEAST, ModuleCall(Expand, (AT_LEAST,)))), -1.0)))


def _layer_norm(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    axes = _axes(match.modules["mean"], len(shape))
    if axes != _axes_of_square(match, shape):
        return None
    return _along(match, shape, axes, _filled_layer_norm)


def _rms_norm(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    return _along(match, shape, _axes_of_square(match, shape), _filled_rms_norm)


def _unit_length(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module]:
    length = match.modules["length"]
    eps = match.modules["least"].min_val
    preset = math.isclose(eps, LpNormalize.LEAST, rel_tol=1e-6)
    axis = length.axes[0] % (len(shape) + 1)
    return [LpNormalize(axis, 1 if isinstance(length, ReduceL1) else 2, LpNormalize.LEAST if preset else eps)]


def _axes(mean: Reduction, rank: int) -> list[int]:
    """Axes of a mean in samples of a rank, in rising order."""
    return sorted(axis % (rank + 1) - 1 for axis in mean.axes)


def _axes_of_square(match: Match, shape: tuple[int, ...]) -> list[int]:
    """Axes of the mean of squares; none where the axes that it drops are not put back to their places."""
    square, restored = match.modules["square"], match.modules.get("restored")
    axes = _axes(square, len(shape))
    restored_shape = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    if isinstance(restored, Reshape):
        return axes if restored.batch_factor == 1 and restored.trailing == restored_shape else []
    put_back = [] if restored is None else [axis - 1 for axis in restored.axes]
    return axes if put_back == ([] if square.keepdims else axes) else []


def _along(
    match: Match, shape: tuple[int, ...], axes: list[int], make: Callable[..., nn.Module]
) -> Sequence[nn.Module] | None:
    """Modules that normalise samples of a shape over axes; None where there are none."""
    factor, eps = match.number("k"), match.number("eps")
    if not axes or factor is None or eps is None or factor <= 0 or eps < 0:
        return None
    sizes = [shape[axis] for axis in axes]
    if not isinstance(match.modules["square"], ReduceMean):
        factor *= math.prod(sizes)
    of_axes = {"weight": match.constants["weight"] / math.sqrt(factor)}
    if "bias" in match.constants:
        of_axes["bias"] = match.constants["bias"]
    affine = {name: over_axes(values, axes, shape) for name, values in of_axes.items()}
    if None in affine.values():
        return None
    norm = make(sizes, eps / factor, **affine)
    rank = len(shape)
    if axes == list(range(rank - len(axes), rank)):
        return [norm]
    if len(axes) > 1:
        return None
    behind = [axis + 1 for axis in range(rank) if axis != axes[0]]
    order = [0, *behind, axes[0] + 1]
    return [Transpose(order), norm, Transpose([order.index(axis) for axis in range(rank + 1)])]


def over_axes(values: Tensor, axes: Sequence[int], shape: tuple[int, ...]) -> Tensor | None:
    """Return a constant of samples as one of some of their axes; None where it changes along others.

    Args:
        values: Constant that is broadcast to the samples, of their rank or a number.
        axes: Axes of the samples.
        shape: Shape of a sample.
    """
    sizes = [shape[axis] for axis in axes]
    if values.dim() == 0:
        return values.expand(sizes)
    if any(size != 1 for axis, size in enumerate(values.shape) if axis not in axes):
        return None
    return values.reshape([values.shape[axis] for axis in axes]).expand(sizes)


def _filled_layer_norm(sizes: list[int], eps: float, weight: Tensor, bias: Tensor) -> nn.Module:
    shifts = bool((bias != 0).any())
    norm = nn.LayerNorm(sizes, eps, elementwise_affine=shifts or bool((weight != 1).any()), bias=shifts)
    return filled(norm, weight=weight, bias=bias)


def _filled_rms_norm(sizes: list[int], eps: float, weight: Tensor) -> nn.Module:
    return filled(nn.RMSNorm(sizes, eps, elementwise_affine=bool((weight != 1).any())), weight=weight)


def filled(norm: nn.Module, **tensors: Tensor) -> nn.Module:
    """Return a norm with values in the place of its parameters, as far as it has them."""
    for name, values in tensors.items():
        if getattr(norm, name) is not None:
            setattr(norm, name, nn.Parameter(values.clone()))
    return norm


recognise_normalizations = recognition(
    "recognise_normalizations",
    "a normalization",
    [Rule(LAYER_NORM, _layer_norm), Rule(RMS_NORM, _rms_norm), Rule(UNIT_LENGTH, _unit_length)],
)
