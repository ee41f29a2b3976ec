"""Cases of every operator, a file for each kind, at the opsets at which it changed."""

from __future__ import annotations

from onnx_oracle import newest_opset

from operator_cases.activations import ACTIVATION
from operator_cases.arithmetic import ARITHMETIC, SELECTION
from operator_cases.attention import ATTENTION, CONTRIB_ATTENTION
from operator_cases.fused import FUSED
from operator_cases.layers import CONV, CONV_TRANSPOSE, EINSUM, LINEAR
from operator_cases.moves import JOIN, PAD, PASSING, SHAPE, SLICE
from operator_cases.norms import NORMALIZATION
from operator_cases.reductions import POOL, REDUCTION
from operator_cases.resampling import RESAMPLING, RESIZE

__all__ = ["CASES"]

FAMILIES = (
    CONV,
    CONV_TRANSPOSE,
    LINEAR,
    EINSUM,
    ATTENTION,
    CONTRIB_ATTENTION,
    NORMALIZATION,
    FUSED,
    ACTIVATION,
    ARITHMETIC,
    SELECTION,
    POOL,
    REDUCTION,
    RESIZE,
    RESAMPLING,
    PASSING,
    JOIN,
    SLICE,
    PAD,
    SHAPE,
)
CASES = [(case, min(opset, newest_opset())) for family in FAMILIES for case in family for opset in case.opsets]
