"""A file that is only run: a network in 8-bit integers, as `snnconv export --int8` writes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import onnx

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.errors import FileError, InvalidValueError
from snnconv.formats.onnx.metadata import INT8, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.loading import TIMM, is_nir_file
from snnconv.model import InputSpec
from snnconv.runtime.file_runner import INTEGERS, FileRunner
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.running import Backend, Precision

__all__ = ["ExportedNetwork", "check_exported", "open_exported"]

FORMS: tuple[Literal["collapsed", "stepped"], ...] = ("collapsed", "stepped")


@dataclass(frozen=True)
class ExportedNetwork:
    """A network in 8-bit integers.

    Attributes:
        name: Name of its file.
        runner: The network in onnxruntime.
        form: "stepped", or "collapsed" where it runs in one pass.
        timesteps: T of the spiking network that it is or equals; None of a quantized one.
        levels: L of that network.
        coupling: Coupling of that network.
        total_levels: Least and most N of any site.
    """

    name: str
    runner: FileRunner
    form: Literal["collapsed", "stepped"]
    timesteps: int | None
    levels: int | None
    coupling: str | None
    total_levels: tuple[int, int]

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
    """Open a file of 8-bit integers in onnxruntime; return None where a file holds another network.

    Raises:
        FileError: The file is missing or damaged, or onnxruntime cannot read it.
    """
    name = os.fspath(source)
    if name.startswith(TIMM) or is_nir_file(name):
        return None
    _, proto = read_proto(Path(name))
    metadata = metadata_in(proto)
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
    runner = FileRunner(OnnxNetwork(proto), spec, names, shapes, INTEGERS)
    return ExportedNetwork(name, runner, form, timesteps, levels, coupling, (least, most))


def check_exported(
    file: ExportedNetwork, simulate: bool, precision: Precision, backend: Backend, energy_model: EnergyModel
) -> None:
    """Raise InvalidValueError where options ask for something that a file of 8-bit integers cannot do."""
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


def _dims(value: onnx.ValueInfoProto) -> list[onnx.TensorShapeProto.Dimension]:
    return list(value.type.tensor_type.shape.dim)
