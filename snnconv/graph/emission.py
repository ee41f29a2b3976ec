"""The nodes and initializers of one ONNX graph in the making, which emitters write into."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import numpy_helper
from torch import Tensor, nn

from snnconv.registry import Registry

__all__ = ["EMITTERS", "OPSET", "Emission", "Emitter"]

OPSET = 18  # of every file that is written


class Emission:
    """The graph being written.

    Args:
        reserved: Names of the graph's inputs and outputs, which nothing else may have.

    Attributes:
        nodes: Nodes in order.
        initializers: Initializers by name.
        ranks: Numbers of axes of the modules' outputs, by the modules' names.
    """

    def __init__(self, reserved: Collection[str] = ()) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.ranks: dict[str, int] = {}
        self._taken = set(reserved)
        self._written: dict[
            int, tuple[Tensor, str]
        ] = {}  # by identity; the tensor is kept so that its id stays its own
        self._once: dict[str, str] = {}

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def parameter(self, values: Tensor, name: str) -> str:
        """Return the name of a module's tensor as an initializer; a shared tensor is written once."""
        key = id(values)
        if key not in self._written:
            self._written[key] = (values, self.constant(values.detach().cpu().numpy(), name))
        return self._written[key][1]

    def constant(self, values: ArrayLike, name: str, dtype: Any = None) -> str:
        """Return the name of a new initializer; floating-point values become 32-bit ones without a `dtype`."""
        name = self._free(name)
        array = np.asarray(values, dtype)
        if dtype is None and array.dtype.kind == "f":
            array = array.astype(np.float32)
        self.initializers[name] = numpy_helper.from_array(np.require(array, requirements="C"), name)
        return name

    def once(self, values: ArrayLike, name: str) -> str:
        """Return the name of an initializer that several nodes read; written by the first that asks for it."""
        if name not in self._once:
            self._once[name] = self.constant(values, name)
        return self._once[name]

    def ints(self, values: Sequence[int], name: str) -> str:
        """Return the name of a new initializer of 64-bit integers."""
        return self.constant(np.asarray(values, dtype=np.int64).reshape(-1), name)

    def node(self, operator: str, inputs: Sequence[str], name: str, *, domain: str = "", **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        output = self._free(f"{name}:out")
        known = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), [output], name, domain=domain, **known))
        return output

    def outputs(self, operator: str, inputs: Sequence[str], name: str, count: int, **attributes: Any) -> list[str]:
        """Append a node of several outputs; returns their names."""
        outputs = [self._free(f"{name}:out{position}") for position in range(count)]
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), outputs, name, **attributes))
        return outputs

    def split(self, source: str, parts: int, name: str) -> list[str]:
        """Cut a tensor into equal parts along its first axis; returns their names."""
        return self.outputs("Split", [source], name, parts, axis=0, num_outputs=parts)


# (module, emission, names of the inputs, unique name) -> name of the output
Emitter = Callable[[Any, Emission, Sequence[str], str], str]

EMITTERS: Registry[type[nn.Module], Emitter] = Registry("module type")
