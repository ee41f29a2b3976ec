"""Records of functions of one operand that keep its shape, are computed on means over time, and are no spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from snnconv.graph.emission import Emitter
from snnconv.graph.node import Handler
from snnconv.graph.operator import UNBOUNDED, Bounds, Cost, NeuronPlace, NoForm, Operator, Time, register_operator
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR
from snnconv.operators.rectifier import NO_COST, NO_ROUTE

__all__ = ["register_activation", "register_function"]

Reads = Mapping[tuple[str, str], Handler]
BoundsRule = Bounds | Callable[[Any], Bounds]


def register_activation(
    *modules: type[nn.Module],
    reads: Reads,
    write: Emitter,
    bounds: BoundsRule = UNBOUNDED,
    cost: Cost | NoForm = NO_COST,
) -> Operator:
    """File an activation that a network has in a ReLU's stead: neurons stand behind it.

    Args:
        modules: Classes of the modules that stand for it.
        reads: Readers of ONNX nodes, by domain and name.
        write: Writer of its ONNX node.
        bounds: Lowest and highest value that it can put out.
        cost: Prices of its work.
    """
    return _registered(modules, reads, write, bounds, cost, NeuronPlace.TRANSFER)


def register_function(
    *modules: type[nn.Module], reads: Reads, write: Emitter, cost: Cost | NoForm, bounds: BoundsRule = UNBOUNDED
) -> Operator:
    """File a function that is no activation, as norms are: neurons stand where a linear operator reads it.

    Args:
        modules: Classes of the modules that stand for it.
        reads: Readers of ONNX nodes, by domain and name.
        write: Writer of its ONNX node.
        cost: Prices of its work.
        bounds: Lowest and highest value that it can put out.
    """
    return _registered(modules, reads, write, bounds, cost, NeuronPlace.READ)


def _registered(
    modules: tuple[type[nn.Module], ...],
    reads: Reads,
    write: Emitter,
    bounds: BoundsRule,
    cost: Cost | NoForm,
    place: NeuronPlace,
) -> Operator:
    return register_operator(
        Operator(
            modules=modules,
            reads=reads,
            write=write,
            time=Time.FUNCTION,
            activation=place,
            of_steps=place is NeuronPlace.TRANSFER,
            cost=cost,
            routes=NO_ROUTE,
            shape=same_shape,
            forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
            bounds=bounds,
        )
    )
