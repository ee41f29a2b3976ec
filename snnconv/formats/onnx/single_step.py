"""A spiking network as a file of one time step, for a host that streams.

    input of the step, state of every layer of neurons  ->  output of the step, state of every layer

One call is one step. Before the first step of a window the states are what `initial_state` gives; after it each state's
output goes into its input. The mean of T steps' outputs is the network's answer. The states, and what fills them at
first, stand in the file's metadata under the key "snnconv": `single_step.states`, a list of

    {"neurons", "kind", "input", "output", "shape", "initial", "axis"}

where the tensor is `[batch, *shape]`, in units of the neurons' threshold, and `initial` a number, or one a channel of
the axis `axis`, the batch's axis counted.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import fx, nn

from snnconv.errors import FileError, InvalidValueError, ModelError
from snnconv.files import write_atomically
from snnconv.formats.onnx.metadata import SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.formats.onnx.step_neurons import State, state_of
from snnconv.formats.onnx.writing import metadata_of, wrapped
from snnconv.graph.access import calls, module_of, operands, results
from snnconv.graph.emission import EMITTERS, Emission
from snnconv.model import Model
from snnconv.neurons import NoForm, SpikingSite, capabilities_of
from snnconv.neurons.forms import StepForm
from snnconv.spiking.one_step import one_step

__all__ = ["initial_state", "save_single_step", "to_single_step"]


def to_single_step(model: Model) -> onnx.ModelProto:
    """One step of a spiking network, with the state of its neurons as inputs and outputs.

    Args:
        model: an SNN of causal coupling.

    Returns:
        Inputs: the network's own, `[batch, ...]`, one frame of it where it changes over time; then `<neurons>_v` for
        each layer of neurons. Outputs: the network's own at this step; then `<neurons>_v_out`.

    Raises:
        ModelError: the network does not spike, or its neurons see their whole window; UnsupportedOperatorsError lists
            what is computed on the mean of a window.
    """
    graph = one_step(model, "A single step")
    first = next(node for node in graph.graph.nodes if node.op == "placeholder")
    given = str(first.meta.get("onnx_name", first.target))
    if given in model.outputs or len(set(model.outputs)) < len(model.outputs):
        raise ModelError(f"Two of the network's inputs and outputs have the same name: {given}, {model.outputs}.")
    taken = {given, *model.outputs}
    states: dict[fx.Node, State] = {}
    names = _names(graph)
    for node in calls(graph):
        if isinstance(site := module_of(graph, node), SpikingSite):
            states[node] = state_of(site, _form_of(site, names[node]), names[node], tuple(node.meta["shape"]), taken)
    emission = Emission(taken)
    written = _emit(graph, emission, {first: given}, names, states)
    for node, name in zip(results(graph), model.outputs, strict=True):
        emission.nodes.append(onnx.helper.make_node("Identity", [written[node]], [name], f"{name}:output"))
    inputs = [_tensor(given, model.input.sample_shape()), *(_tensor(s.input, s.shape) for s in states.values())]
    outputs = [
        *(_tensor(name, node.meta["shape"]) for node, name in zip(results(graph), model.outputs, strict=True)),
        *(_tensor(s.output, s.shape) for s in states.values()),
    ]
    made = onnx.helper.make_graph(emission.nodes, "snnconv", inputs, outputs, list(emission.initializers.values()))
    described = {"states": [asdict(state) for state in states.values()]}
    return wrapped(made, {**metadata_of(model), SINGLE_STEP: described})


def _form_of(site: nn.Module, name: str) -> StepForm:
    """Return the form of a layer's steps.

    Raises:
        ModelError: its kind has none.
    """
    capabilities = capabilities_of(site)
    if isinstance(form := capabilities.step, NoForm):
        raise ModelError(f"{capabilities.written_as} {name!r} has no form of a single step: {form.reason}.")
    return form


def _names(graph: fx.GraphModule) -> dict[fx.Node, str]:
    """A name of its own for what each node writes: a module called twice is written twice."""
    counts: Counter[str] = Counter()
    names = {}
    for node in calls(graph):
        own = str(node.meta.get("onnx_name", node.target))
        counts[own] += 1
        names[node] = own if counts[own] == 1 else f"{own}:{counts[own]}"
    return names


def _emit(
    graph: fx.GraphModule,
    emission: Emission,
    written: dict[fx.Node, str],
    names: dict[fx.Node, str],
    states: dict[fx.Node, State],
) -> dict[fx.Node, str]:
    """Write every node; returns the names of their outputs."""
    for node in calls(graph):
        module, name = module_of(graph, node), names[node]
        emission.ranks[name] = len(node.meta["shape"]) + 1
        inputs = [written[each] for each in operands(node)]
        if node in states:
            written[node], left = _form_of(module, name).emit(module, emission, inputs[0], states[node].input, name)
            output = states[node].output
            emission.nodes.append(onnx.helper.make_node("Identity", [left], [output], f"{name}:state"))
            continue
        emit = EMITTERS.get(type(module))
        if emit is None:
            raise ModelError(f"{type(module).__name__} {node.target!r} has no ONNX form.")
        written[node] = emit(module, emission, inputs, name)
    return written


def _tensor(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape])


def initial_state(source: str | os.PathLike[str] | onnx.ModelProto, batch: int = 1) -> dict[str, NDArray[np.float32]]:
    """What the states of a single-step file are before the first step of a window.

    Args:
        source: the file, or the network itself.
        batch: number of samples B that are run side by side.

    Returns:
        By the name of the input that takes it, `[B, *shape]` in units of the neurons' threshold.

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
        FileError: it cannot be written; nothing is left behind.
        ModelError: as of `to_single_step`.
    """
    write_atomically(path, to_single_step(model).SerializeToString())
    return Path(path)
