"""A spiking network as a file of one time step, for a host that streams.

    input of the step, state of every layer of neurons  ->  output of the step, state of every layer

One call is one step. Before the first step of a window the states are what `initial_state` gives; after it each state's
output goes into its input. The file's metadata say under the key "snnconv" what the outputs of the steps are:
`single_step.answer` is "mean" where the mean of T steps' outputs is the network's answer, and "last" where each step's
output is the answer so far (differential coupling). The states, and what fills them at first, are
`single_step.states`, a list of

    {"neurons", "kind", "input", "output", "shape", "initial", "axis"}

where the tensor is `[batch, *shape]`, in units of the neurons' threshold (sigma-delta neurons: of their smallest
message; bipolar ones: the sum of levels, and the number of steps before), and `initial` a number, or one a channel of
the axis `axis`, the batch's axis counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import fx, nn

from snnconv.errors import FileError, InvalidValueError, ModelError
from snnconv.files import write_atomically
from snnconv.formats.onnx.metadata import LAST, SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.formats.onnx.step_neurons import State, state_of
from snnconv.formats.onnx.writing import metadata_of, wrapped
from snnconv.graph.access import calls, display_name, input_of, module_of
from snnconv.graph.exporter import OnnxLowering, tensor_info
from snnconv.graph.lowering import UniqueNames
from snnconv.graph.node import Refusal
from snnconv.graph.parts import Part
from snnconv.model import Model
from snnconv.neurons import Coupling, NoForm, SpikingSite, capabilities_of
from snnconv.spiking.one_step import one_step

__all__ = ["initial_state", "save_single_step", "to_single_step"]


def to_single_step(model: Model) -> onnx.ModelProto:
    """Return one step of a spiking network, with the state of its neurons as inputs and outputs.

    Args:
        model: An SNN of causal or differential coupling.

    Returns:
        Inputs: the network's own, `[batch, ...]`, one frame of it where it changes over time; then `<neurons>_v` for
        each layer of neurons. Outputs: the network's own at this step; then `<neurons>_v_out`.

    Raises:
        ModelError: The network does not spike, or its neurons see their whole window; UnsupportedOperatorsError lists
            what is computed on the mean of a window.
    """
    graph = one_step(model, "A single step")
    lowering = SingleStepLowering(graph, model.outputs)
    names = [*lowering.input_names, *model.outputs]
    if len(set(names)) < len(names):
        raise ModelError(f"Two of the network's inputs and outputs have the same name: {', '.join(names)}.")
    for tensor, name in zip(lowering.run(), model.outputs, strict=True):
        lowering.name_output(tensor, name)
    states = list(lowering.states.values())
    inputs = [*lowering.inputs(model.input.sample_shape()), *_batched((state.input, state.shape) for state in states)]
    outputs = [
        *((name, node.meta["shape"]) for name, node in zip(model.outputs, lowering.outputs, strict=True)),
        *((state.output, state.shape) for state in states),
    ]
    written = lowering.finished(inputs, _batched(outputs))
    answer = LAST if model.coupling is Coupling.DIFFERENTIAL else "mean"
    described = {"answer": answer, "states": [asdict(state) for state in states]}
    return wrapped(written, {**metadata_of(model), SINGLE_STEP: described})


class SingleStepLowering(OnnxLowering):
    """Walk that writes neurons as one step of theirs, with their state as an input and an output of the file.

    Args:
        graph: Graph without the axis of time.
        outputs: Names of the network's outputs.

    Attributes:
        states: States of the layers of neurons.
    """

    def __init__(self, graph: fx.GraphModule, outputs: Sequence[str]) -> None:
        names, taken = UniqueNames(), {display_name(input_of(graph)), *outputs}
        taken |= {module.name for module in graph.modules() if isinstance(module, Part)}
        self.states: dict[fx.Node, State] = {}
        for node in calls(graph):
            name = names.take(display_name(node))
            if isinstance(site := module_of(graph, node), SpikingSite):
                form = capabilities_of(site).step
                if isinstance(form, NoForm):  # refused in `lower`, with all others
                    continue
                self.states[node] = state_of(site, form, name, tuple(node.meta["shape"]), taken)
        super().__init__(graph, taken)

    def lower(self, node: fx.Node, module: nn.Module, inputs: list[str]) -> str:
        """Write one module, of neurons one step."""
        if not isinstance(module, SpikingSite):
            return super().lower(node, module, inputs)
        form = capabilities_of(module).step
        if isinstance(form, NoForm):
            raise Refusal(f"it has no form of a single step: {form.reason}")
        name = self.fresh_name(node)
        self.emission.ranks[name] = len(node.meta["shape"]) + 1
        spikes, potential = form.emit(module, self.emission, inputs[0], self.states[node].input, name)
        output = self.states[node].output
        self.emission.nodes.append(onnx.helper.make_node("Identity", [potential], [output], f"{name}:state"))
        return spikes


def _batched(tensors: Iterable[tuple[str, Sequence[int]]]) -> list[onnx.ValueInfoProto]:
    return [tensor_info(name, ["batch", *shape]) for name, shape in tensors]


def initial_state(source: str | os.PathLike[str] | onnx.ModelProto, batch: int = 1) -> dict[str, NDArray[np.float32]]:
    """Return the states of a single-step file before the first step of a window.

    Args:
        source: Name of the file, or the network itself.
        batch: Number of samples B that are run side by side.

    Returns:
        Arrays by the name of the input that takes them, `[B, *shape]` in the units of the file's states.

    Raises:
        FileError: the file is missing or damaged, or is not of a single step.
        InvalidValueError: `batch` is below 1.
    """
    if batch < 1:
        raise InvalidValueError(f"batch is {batch}: it must be at least 1.")
    proto = source if isinstance(source, onnx.ModelProto) else read_proto(Path(source))[1]
    metadata = metadata_in(proto)
    if SINGLE_STEP not in metadata:
        raise FileError("The file is not one of a single step: export it with --form single-step.")
    try:
        return {str(state["input"]): _filled(state, batch) for state in metadata[SINGLE_STEP]["states"]}
    except (LookupError, TypeError, ValueError) as error:
        raise FileError(f"The file's own metadata is damaged ({error}). Export the network again.") from error


def _filled(state: dict[str, Any], batch: int) -> NDArray[np.float32]:
    shape = (batch, *(int(size) for size in state["shape"]))
    initial = np.asarray(state["initial"], np.float32)
    if initial.ndim:
        initial = initial.reshape(-1, *(1,) * (len(shape) - 1 - int(state["axis"])))
    return np.broadcast_to(initial, shape).copy()


def save_single_step(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write `to_single_step(model)`, atomically.

    Raises:
        FileError: It cannot be written; nothing is left behind.
        ModelError: See `to_single_step`.
    """
    write_atomically(path, to_single_step(model).SerializeToString())
    return Path(path)
