"""Read what a file states beside its nodes and inputs: versions and weights."""

from __future__ import annotations

import onnx
from onnx import TensorProto, numpy_helper

from snnconv.errors import ModelError
from snnconv.graph.node import Constant

__all__ = ["OLDEST_OPSET", "read_initializers", "read_opsets"]

OLDEST_OPSET = 7


def read_opsets(model: onnx.ModelProto) -> dict[str, int]:
    """Return the version of each domain; that of standard operators is under the empty name.

    Raises:
        ModelError: The standard operators' version is unknown.
    """
    newest = onnx.defs.onnx_opset_version()
    versions = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    version = versions.setdefault("", 1)
    if not OLDEST_OPSET <= version <= newest:
        raise ModelError(
            f"The file is of opset {version}; opsets {OLDEST_OPSET} to {newest} are read. "
            "Export it again with one of these."
        )
    return versions


def read_initializers(graph: onnx.GraphProto) -> dict[str, Constant]:
    """Return the stored weights, by name.

    Raises:
        ModelError: A weight is sparse, damaged, or not loaded.
    """
    if graph.sparse_initializer:
        raise ModelError("The file stores sparse weights; store them densely.")
    away = [tensor.name for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    if away:
        raise ModelError(f"The weights {', '.join(away)} are stored in another file and are not loaded.")
    constants = {}
    for tensor in graph.initializer:
        try:
            array = numpy_helper.to_array(tensor)
        except Exception as error:  # onnx raises what it likes on damaged data
            raise ModelError(f"The weight {tensor.name!r} is damaged: {error}") from error
        constants[tensor.name] = Constant((array, array), tensor.name)
    return constants
