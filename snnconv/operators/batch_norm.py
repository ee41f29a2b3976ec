"""BatchNormalization at inference: a scale and a shift a channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from snnconv.formats.hardware.linear import affine
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NirWriter
from snnconv.graph.emission import Emission
from snnconv.graph.linear import NORMS
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, NoForm, Operator, Time, Work, register_operator
from snnconv.graph.passes.affine import affine_of_norm
from snnconv.graph.shapes import same_shape
from snnconv.operators.forms import IN_FLOAT

BY_RANK: dict[int, type[Any]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def _read(node: NodeView) -> Call:
    if node.int_attribute("spatial", 1) != 1:
        raise Refusal("statistics for each position (spatial = 0) are not supported")
    if node.int_attribute("training_mode", 0):
        raise Refusal("in training mode it acts across the batch; export the network in evaluation mode")
    if node.rank() not in BY_RANK:
        raise Refusal(f"an input of rank {node.rank()} is not supported; 2 to 5 are")
    channels = node.shape()[1]
    if any(node.need_constant(position).shape != (channels,) for position in range(1, 5)):
        raise Refusal(f"its scale, bias, mean and variance must have the input's {channels} channels")
    with torch.device("meta"):
        module = BY_RANK[node.rank()](
            channels,
            eps=node.float_attribute("epsilon", 1e-5),
            momentum=1 - node.float_attribute("momentum", 0.9),
        )
    module.weight = node.parameter(1)
    module.bias = node.parameter(2)
    module.running_mean = node.buffer(3)
    module.running_var = node.buffer(4)
    module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return Call((module,))


def _write(module: Any, emission: Emission, inputs: Sequence[str], name: str) -> str:
    tensors = ("weight", "bias", "running_mean", "running_var")
    operands = [emission.parameter(getattr(module, tensor), f"{name}.{tensor}") for tensor in tensors]
    return emission.node(
        "BatchNormalization", [*inputs, *operands], name, epsilon=module.eps, momentum=1 - module.momentum
    )


def _dense(module: nn.Module, inputs: int, outputs: int) -> Work:
    """One multiply-accumulate an output."""
    return Work(outputs, 0)


def _nir(writer: NirWriter, node: fx.Node, module: Any, inputs: list[NirSignal]) -> NirSignal:
    channels = affine_of_norm(module)
    if channels is None or channels.scale is None or channels.shift is None:
        raise Refusal("it has no statistics of its own")
    return writer.draft.shift(inputs[0].scaled(channels.scale.cpu().numpy()), channels.shift.cpu().numpy())


BATCH_NORM = register_operator(
    Operator(
        modules=NORMS,
        reads={("", "BatchNormalization"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_dense, arrival=Arrival.ADDED, reads_weights=True),
        routes=NoForm("its shift makes currents of spikes"),
        shape=same_shape,
        forms={"hardware": affine, "int8": IN_FLOAT, "nir": _nir},
    )
)
