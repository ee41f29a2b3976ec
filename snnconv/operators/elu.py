"""ELU and its kin: CELU, SELU, softplus; what they map negative values to is exponential."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import UNBOUNDED, Bounds
from snnconv.operators._records import register_activation

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al., 2017


def _read_elu(node: NodeView) -> Call:
    return Call((nn.ELU(node.float_attribute("alpha", 1.0)),))


def _read_celu(node: NodeView) -> Call:
    alpha = node.float_attribute("alpha", 1.0)
    if alpha == 0:
        raise Refusal("it divides by its alpha, which is 0")
    return Call((nn.CELU(alpha),))


def _read_selu(node: NodeView) -> Call:
    alpha, scale = node.float_attribute("alpha", SELU_ALPHA), node.float_attribute("gamma", SELU_SCALE)
    if math.isclose(alpha, SELU_ALPHA, rel_tol=1e-4) and math.isclose(scale, SELU_SCALE, rel_tol=1e-4):
        return Call((nn.SELU(),))
    factor = nn.Parameter(torch.tensor(scale, dtype=torch.float32))
    return Call((nn.ELU(alpha), Arithmetic("mul", factor)))


def _read_softplus(node: NodeView) -> Call:
    return Call((nn.Softplus(),))


def _write(module: nn.ELU | nn.CELU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Celu" if isinstance(module, nn.CELU) else "Elu", inputs, name, alpha=float(module.alpha))


def _write_selu(module: nn.SELU, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Selu", inputs, name)


def _write_softplus(module: nn.Softplus, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.beta == 1:
        return emission.node("Softplus", inputs, name)
    beta = emission.constant(np.float32(module.beta), f"{name}.beta")
    scaled = emission.node("Mul", [*inputs, beta], f"{name}.scaled")
    return emission.node("Div", [emission.node("Softplus", [scaled], f"{name}.softplus"), beta], name)


def _bounds(module: nn.ELU | nn.CELU) -> Bounds:
    if module.alpha < 0 and isinstance(module, nn.CELU):
        return UNBOUNDED
    return min(0.0, -float(module.alpha)), math.inf


ELU = register_activation(nn.ELU, reads={("", "Elu"): _read_elu}, write=_write, bounds=_bounds)
CELU = register_activation(nn.CELU, reads={("", "Celu"): _read_celu}, write=_write, bounds=_bounds)
SELU = register_activation(
    nn.SELU, reads={("", "Selu"): _read_selu}, write=_write_selu, bounds=(-SELU_ALPHA * SELU_SCALE, math.inf)
)
SOFTPLUS = register_activation(
    nn.Softplus, reads={("", "Softplus"): _read_softplus}, write=_write_softplus, bounds=(0.0, math.inf)
)
