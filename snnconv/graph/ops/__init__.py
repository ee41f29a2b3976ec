"""The operator catalogue: one file a family, each with both directions, ONNX -> module and module -> ONNX."""

from snnconv.graph.ops import (
    activation,
    arithmetic,
    convolution,
    extent,
    linear,
    normalization,
    pooling,
    reduction,
    resampling,
    shape,
)

__all__ = [
    "activation",
    "arithmetic",
    "convolution",
    "extent",
    "linear",
    "normalization",
    "pooling",
    "reduction",
    "resampling",
    "shape",
]
