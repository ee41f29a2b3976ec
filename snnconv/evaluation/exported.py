"""A file that is only run: a network in 8-bit integers, or one time step of a spiking network."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import onnx

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.errors import FileError, InvalidValueError
from snnconv.formats.onnx.metadata import INT8, SINGLE_STEP, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.loading import TIMM, is_nir_file
from snnconv.model import InputSpec
from snnconv.runtime.file_runner import INTEGERS, FileRunner
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.running import Backend, Precision
from snnconv.runtime.settling import SettlingRunner
from snnconv.runtime.streaming import StreamedNetwork

__all__ = ["ExportedNetwork", "check_exported", "open_exported", "settling"]

FORMS: tuple[Literal["collapsed", "stepped"], ...] = ("collapsed", "stepped")


@dataclass(frozen=True)
class ExportedNetwork:
    """A network in 8-bit integers, or one time step of a spiking network.

    Attributes:
        name: Name of its file.
        runner: The network in onnxruntime.
        form: "stepped", "collapsed" where it runs in one pass, or "single-step" where it is called step by step.
        timesteps: T of the spiking network that it is or equals; None of a quantized one.
        levels: L of that network; None of power-of-two messages.
        coupling: Coupling of that network.
        total_levels: Least and most N of any site; None where the file does not tell.
        code: Code of its messages under differential coupling, else None.
        octaves: K, sizes of a message, where the code is power-of-two; else None.
    """

    name: str
    runner: FileRunner
    form: Literal["collapsed", "stepped", "single-step"]
    timesteps: int | None
    levels: int | None
    coupling: str | None
    total_levels: tuple[int, int] | None
    code: str | None = None
    octaves: int | None = None

    @property
    def input(self) -> InputSpec:
        """Size, layout and normalisation of the images that it takes."""
        return self.runner.input

    def with_input(self, spec: InputSpec) -> ExportedNetwork:
        """Return the same network with another normalisation or resizing.

        Raises:
            InvalidValueError: Its images are of another size, which is fixed in the file.
        """
        if spec.sample_shape() != self.input.sample_shape():
            raise InvalidValueError(
                f"{self.name} takes inputs {list(self.input.sample_shape())}, fixed when it was exported, not "
                f"{list(spec.sample_shape())}: leave --size out, or export the network again."
            )
        return replace(self, runner=replace(self.runner, input=spec))


def open_exported(source: str | os.PathLike[str]) -> ExportedNetwork | None:
    """Open a file of 8-bit integers, or of one time step, in onnxruntime; return None where it holds another network.

    Raises:
        FileError: The file is missing or damaged, or onnxruntime cannot read it.
    """
    name = os.fspath(source)
    if name.startswith(TIMM) or is_nir_file(name):
        return None
    _, proto = read_proto(Path(name))
    metadata = metadata_in(proto)
    if SINGLE_STEP in metadata:
        return _single_step(name, proto, metadata)
    if INT8 not in metadata:
        return None
    try:
        form = FORMS[FORMS.index(metadata[INT8])]
        spec = InputSpec.from_dict(metadata["input"])
        least, most = (int(total) for total in metadata["total_levels"])
        timesteps, levels = (None if metadata[key] is None else int(metadata[key]) for key in ("timesteps", "levels"))
        outputs = list(proto.graph.output)[: len(proto.graph.output) // (2 if form == "stepped" else 1)]
        shapes = tuple(tuple(int(dim.dim_value) for dim in _dims(value)[1:]) for value in outputs)
        coupling = metadata["coupling"]
    except (LookupError, TypeError, ValueError) as error:
        raise FileError(f"{name} is damaged ({type(error).__name__}: {error}). Export the network again.") from error
    names = tuple(value.name for value in outputs)
    runner = FileRunner(OnnxNetwork(proto, spec), spec, names, shapes, INTEGERS)
    return ExportedNetwork(name, runner, form, timesteps, levels, coupling, (least, most))


def check_exported(
    file: ExportedNetwork, simulate: bool, precision: Precision, backend: Backend, energy_model: EnergyModel
) -> None:
    """Raise InvalidValueError where options ask for something that a file that is only run cannot do."""
    if file.form == "single-step":
        _check_single_step(file, precision, backend, energy_model)
        return
    if backend == "torch":
        raise InvalidValueError(
            f"{file.name} holds 8-bit integers, which onnxruntime runs, not torch: leave the backend out, or evaluate "
            "the file that it was exported from."
        )
    if precision != "auto":
        raise InvalidValueError(f"{file.name} holds 8-bit integers: there is no precision to choose, leave it out.")
    if energy_model != DEFAULT:
        raise InvalidValueError(
            f"{file.name} holds 8-bit integers, whose operations are not counted: leave the energy model out, or "
            "evaluate the file that it was exported from."
        )
    if simulate and file.form != "stepped":
        raise InvalidValueError(
            f"{file.name} runs in one pass and cannot be simulated: export the spiking network with --form stepped "
            "--int8, or leave simulate out."
        )


def _single_step(name: str, proto: onnx.ModelProto, metadata: dict[str, Any]) -> ExportedNetwork:
    """Open a file of one time step."""
    network = StreamedNetwork(proto)
    try:
        states = {str(state["output"]) for state in metadata[SINGLE_STEP]["states"]}
        outputs = [value for value in proto.graph.output if value.name not in states]
        shapes = tuple(tuple(int(dim.dim_value) for dim in _dims(value)[1:]) for value in outputs)
        octaves = metadata.get("octaves")
        levels = None if octaves is not None else int(metadata["levels"])
        coupling, spec = str(metadata["coupling"]), InputSpec.from_dict(metadata["input"])
    except (LookupError, TypeError, ValueError) as error:
        raise FileError(f"{name} is damaged ({type(error).__name__}: {error}). Export the network again.") from error
    runner = FileRunner(network, spec, tuple(value.name for value in outputs), shapes)
    window = {"code": metadata.get("code"), "octaves": octaves}
    return ExportedNetwork(name, runner, "single-step", network.timesteps, levels, coupling, None, **window)


def _check_single_step(
    file: ExportedNetwork, precision: Precision, backend: Backend, energy_model: EnergyModel
) -> None:
    """Raise InvalidValueError where options ask for something that a file of one time step cannot do."""
    if backend not in ("auto", "onnxruntime"):
        raise InvalidValueError(
            f"{file.name} is one step of a network in floats, which onnxruntime runs: leave the backend out, or "
            "evaluate the file that it was exported from."
        )
    if precision == "float64":
        raise InvalidValueError(f"{file.name} is one step of a network in float32: leave the precision out.")
    if energy_model != DEFAULT:
        raise InvalidValueError(
            f"{file.name} is one step of a network, whose operations are not counted: leave the energy model out, or "
            "evaluate the file that it was exported from."
        )


def settling(file: ExportedNetwork, settled_steps: int) -> SettlingRunner:
    """Return a file of one time step as a network that stops for an image when its class has settled.

    Args:
        file: The file.
        settled_steps: Number of steps for which the class must stay.

    Raises:
        InvalidValueError: The file is not of one time step, or the number is below 1 or above T - 1.
    """
    network = file.runner.network
    if not isinstance(network, StreamedNetwork):
        raise InvalidValueError(
            f"{file.name} runs its whole window at once and cannot stop before its end: leave stop_when_settled out, "
            "or name the network that it was exported from."
        )
    runner = file.runner
    return SettlingRunner(network, settled_steps, runner.input, runner.outputs, runner.shapes)


def _dims(value: onnx.ValueInfoProto) -> list[onnx.TensorShapeProto.Dimension]:
    return list(value.type.tensor_type.shape.dim)
