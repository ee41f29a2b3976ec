"""ANN -> quantized ANN that can be trained: every rectifier becomes QCFS with a trainable ceiling.

An activation that is no rectifier, such as LeakyReLU, gets a QCFS of both signs behind it.
"""

from __future__ import annotations

import torch
from torch import fx

from snnconv.errors import InvalidValueError, ModelError, UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.access import display_name, module_of
from snnconv.graph.modules import Arithmetic, AveragePool, MaxPool
from snnconv.model import ANN, Model, QuantizedANN, typed
from snnconv.neurons import QCFS
from snnconv.neurons.site import require_positive_int
from snnconv.spiking.plan import make_plan
from snnconv.spiking.signals import place_reads, place_signals
from snnconv.spiking.sites import cap_of, is_signed, iter_sites, swap

__all__ = ["average_pools", "hold_scalars", "quantize_activations"]


def quantize_activations(
    model: Model, total_levels: int, initial_ceiling: float = 8.0, *, average_pool: bool = True
) -> Model:
    """Return a copy whose activations are QCFS, for training; batch-norm stays as it is.

    Args:
        model: ANN.
        total_levels: N.
        initial_ceiling: Scalar λ of every site, in units of its activation; ReLU6 and its like start no
            higher than they saturate.
        average_pool: True to replace max-pooling by the mean over the same window, padding left out of it.

    Raises:
        UnsupportedOperatorsError: Activations cannot become neurons; all are listed.
        ModelError: The network is not an ANN, or has no activation.
        InvalidValueError: N is not a positive integer, or the ceiling is not above 0.
    """
    require_positive_int("total_levels", total_levels)
    if not 0 < initial_ceiling < float("inf"):
        raise InvalidValueError(f"initial_ceiling is {initial_ceiling!r}: it must be a finite number above 0.")
    if not isinstance(model, ANN):
        raise ModelError(f"Only an ANN can be quantized; this network is at the stage {model.stage.value}.")
    quantized = model.copy()
    graph = quantized.graph
    place_signals(graph)
    place_reads(graph)
    make_plan(quantized).require()
    if average_pool:
        average_pools(graph)
    for node, rectifier in list(iter_sites(graph)):
        ceiling = torch.tensor(min(initial_ceiling, cap_of(rectifier)))
        swap(graph, node, QCFS(ceiling, total_levels, signed=is_signed(rectifier)))
    hold_scalars(graph)
    graph.recompile()
    return typed(quantized, QuantizedANN)


def average_pools(graph: fx.GraphModule) -> None:
    """Replace max-pooling by the mean over the same window, in place.

    Raises:
        UnsupportedOperatorsError: Windows are dilated and have no mean here; all are listed.
    """
    pools = [
        (node, module)
        for node in graph.graph.nodes
        if node.op == "call_module" and isinstance(module := module_of(graph, node), MaxPool)
    ]
    reason = "a dilated window has no mean; keep max-pooling (average_pool=False)"
    dilated = [
        UnsupportedNode(display_name(node), "MaxPool", reason) for node, pool in pools if set(pool.dilation) != {1}
    ]
    if dilated:
        raise UnsupportedOperatorsError("Max-pooling that cannot be replaced by average pooling", dilated)
    for node, pool in pools:
        swap(graph, node, AveragePool(pool.kernel, pool.stride, pool.pads))


def hold_scalars(graph: fx.GraphModule) -> None:
    """Keep single numbers from being trained: they are mostly structure, such as the 6 of a division by 6."""
    for module in graph.modules():
        if isinstance(module, Arithmetic) and module.constant is not None and module.constant.numel() == 1:
            module.constant.requires_grad_(False)
