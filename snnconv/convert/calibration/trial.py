"""A block of the quantized network whose ceilings, biases and weights are on the move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import module_of, operands
from snnconv.graph.linear import LINEAR
from snnconv.neurons import QuantizedSite
from snnconv.spiking.blocks import Block

__all__ = ["Trial", "spread"]

RATES = {"ceiling": 0.01, "bias": 0.003, "weight": 0.02}  # Adam, in units of each parameter's own scale
SAME = 1e-6  # values that deviate by less than this share of their magnitude are constant, but for rounding


@dataclass
class _Moved:
    """A parameter on the move, with its start and its way; `scale` None: the step is of its logarithm."""

    module: nn.Module
    name: str
    start: Tensor
    step: nn.Parameter
    scale: float | None

    def value(self) -> Tensor:
        return self.start * self.step.exp() if self.scale is None else self.start + self.scale * self.step


class Trial:
    """A block of the quantized network with parameters on the move.

    Args:
        graph: Graph of the quantized network.
        block: The block.
        fixed: Identities of parameters that do not move.
        weights: True where weights move too.
    """

    def __init__(self, graph: fx.GraphModule, block: Block, fixed: set[int], weights: bool) -> None:
        self.block = block
        self.modules = {node: module_of(graph, node) for node in block.nodes}
        self.moved: dict[fx.Node, list[_Moved]] = {}
        for node, module in self.modules.items():
            names: tuple[str, ...] = ("ceiling",) if isinstance(module, QuantizedSite) else ()
            if isinstance(module, LINEAR):
                names = ("bias", "weight") if weights else ("bias",)
            parameters = [_moved(module, name) for name in names if id(getattr(module, name)) not in fixed]
            if parameters:
                self.moved[node] = parameters

    @torch.no_grad()
    def scale_biases(self, inputs: Mapping[fx.Node, Tensor]) -> None:
        """Measure each bias in units of the spread of its operator's outputs."""
        values = dict(inputs)
        for node, module in self.modules.items():
            values[node] = module(*(values[operand] for operand in operands(node)))
            for moved in self.moved.get(node, ()):
                if moved.name == "bias":
                    moved.scale = spread(values[node])

    def __call__(self, inputs: Mapping[fx.Node, Tensor]) -> list[Tensor]:
        values = dict(inputs)
        for node, module in self.modules.items():
            arguments = tuple(values[operand] for operand in operands(node))
            changed = {moved.name: moved.value() for moved in self.moved.get(node, ())}
            values[node] = torch.func.functional_call(module, changed, arguments) if changed else module(*arguments)
        return [values[node] for node in self.block.outputs]

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups of an optimizer."""
        return [{"params": [moved.step], "lr": RATES[moved.name]} for moved in self._all()]

    @torch.no_grad()
    def settle(self) -> None:
        """Give the modules the present values; `start` is where they came from all the same."""
        for moved in self._all():
            getattr(moved.module, moved.name).data = moved.value().detach().clone()

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters of the modules, by node and name."""
        return {
            f"{node.target}.{moved.name}": getattr(moved.module, moved.name).detach()
            for node, parameters in self.moved.items()
            for moved in parameters
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Give the modules parameters that `tensors` returned earlier."""
        for node, parameters in self.moved.items():
            for moved in parameters:
                getattr(moved.module, moved.name).data = tensors[f"{node.target}.{moved.name}"].clone()

    def _all(self) -> list[_Moved]:
        return [moved for parameters in self.moved.values() for moved in parameters]


def _moved(module: Any, name: str) -> _Moved:
    """Put a parameter on the move; a bias that is not there starts at 0."""
    if name == "bias" and module.bias is None:
        channels = module.out_features if isinstance(module, nn.Linear) else module.out_channels
        module.bias = nn.Parameter(torch.zeros(channels))
    start = getattr(module, name).detach()
    scale = {"ceiling": None, "bias": 1.0}.get(name, spread(start))
    return _Moved(module, name, start, nn.Parameter(torch.zeros_like(start)), scale)


def spread(values: Tensor) -> float:
    """Return the standard deviation; 1 where all values are the same."""
    deviation = float(values.std(correction=0))
    if not 0 < deviation < math.inf:  # its squares may lie outside the range of single precision
        wide = values.double()
        deviation = float(wide.std(correction=0))
        deviation = deviation if deviation > SAME * float(wide.abs().max()) else 0.0
    return deviation or 1.0
