"""A file that is only run: a network in 8-bit integers, as `snnconv export --int8` writes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import onnx

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, FileError, InvalidValueError
from snnconv.evaluation.accuracy import standard_error
from snnconv.evaluation.differences import Shape, class_count
from snnconv.evaluation.inputs import check_data
from snnconv.evaluation.result import Evaluation, Mode
from snnconv.evaluation.scoring import check_pair, differences_of, has_labels, score, shapes_of
from snnconv.formats.onnx.metadata import INT8, metadata_in
from snnconv.formats.onnx.reading import read_proto
from snnconv.loading import TIMM, ModelLike, is_nir_file, load_beside
from snnconv.model import InputSpec, Model
from snnconv.progress import Progress
from snnconv.runtime.inference import batch_that_fits, for_inference
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.running import Backend, Precision
from snnconv.spiking.unrolling import collapse, collapses

__all__ = ["ExportedNetwork", "check_exported", "evaluate_exported", "open_exported"]

BATCH = 32

FORMS: tuple[Literal["collapsed", "stepped"], ...] = ("collapsed", "stepped")


@dataclass(frozen=True)
class ExportedNetwork:
    """A network in 8-bit integers.

    Attributes:
        name: of its file.
        network: in onnxruntime.
        input: what it expects of an image.
        outputs: names of its outputs.
        shapes: axes of one sample of each output.
        form: "stepped", or "collapsed" where it runs in one pass.
        timesteps: T of the spiking network that it is or equals; None of a quantized one.
        levels: L of it.
        coupling: of it.
        total_levels: the least and the most N of any site.
    """

    name: str
    network: OnnxNetwork
    input: InputSpec
    outputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    form: Literal["collapsed", "stepped"]
    timesteps: int | None
    levels: int | None
    coupling: str | None
    total_levels: tuple[int, int]

    def with_input(self, given: InputSpec) -> ExportedNetwork:
        """The same with another normalisation or resizing.

        Raises:
            InvalidValueError: its images are of another size, which is fixed in the file.
        """
        if given.sample_shape() != self.input.sample_shape():
            raise InvalidValueError(
                f"{self.name} takes inputs {list(self.input.sample_shape())}, fixed when it was exported, not "
                f"{list(given.sample_shape())}: leave --size out, or export the network again."
            )
        return replace(self, input=given)


def open_exported(source: str | os.PathLike[str]) -> ExportedNetwork | None:
    """A file's network in onnxruntime; None where the file is not one that is only run.

    Raises:
        FileError: the file is missing or damaged, or onnxruntime cannot read it.
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
        names = tuple(value.name for value in outputs)
        coupling = metadata["coupling"]
    except (LookupError, TypeError, ValueError) as error:
        raise FileError(f"{name} is damaged ({type(error).__name__}: {error}). Export the network again.") from error
    network = OnnxNetwork(proto, timesteps if form == "stepped" else None)
    return ExportedNetwork(name, network, spec, names, shapes, form, timesteps, levels, coupling, (least, most))


def check_exported(
    file: ExportedNetwork, simulate: bool, precision: Precision, backend: Backend, energy_model: EnergyModel
) -> None:
    """Raise InvalidValueError where options ask for what a file of 8-bit integers cannot do."""
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


def evaluate_exported(
    file: ExportedNetwork,
    data: DataLike,
    against: ModelLike | None,
    limit: int | None,
    batch_size: int | None,
    progress: Progress,
) -> Evaluation:
    """What `evaluate` finds of a file of 8-bit integers: accuracy and agreement; activity is not in it.

    Raises:
        DataError: as of `evaluate`.
        FileError: likewise.
        ModelError: likewise.
    """
    opened = as_images(data, file.input, "eval")
    if not len(opened):
        raise DataError(f"{opened.spec!r} holds no {opened.input.noun}.")
    images = opened.first(limit)
    check_data(images.input, file.input)
    running: list[Model | OnnxNetwork] = [file.network]
    size = BATCH
    classes, differences = class_count(file.shapes[0]), None
    if against is not None:
        against = load_beside(against, file.input)
        check_pair(file.shapes, against, images)
        differences = differences_of(file.outputs, file.shapes, shapes_of(against))
        other = collapse(against) if collapses(against) else against
        running.append(for_inference(other))
        size = min(size, batch_that_fits(other))
    labelled, compared = has_labels(images, classes), against is not None and classes is not None
    scores = score(
        running,
        against,
        images,
        labelled,
        batch_size or size,
        progress,
        classes=classes is not None,
        differences=differences,
    )
    accuracy = scores.correct.percent(scores.images) if labelled else None
    least, most = file.total_levels
    one_pass: Mode = "quantized" if file.timesteps is None else "collapsed"
    return Evaluation(
        mode="simulated" if file.form == "stepped" else one_pass,
        precision="8-bit integers",
        arithmetic="8-bit integers",
        backend="onnxruntime-int8",
        images=scores.images,
        accuracy=accuracy,
        accuracy_standard_error=None if accuracy is None else standard_error(accuracy, scores.images),
        agreement=scores.agreeing.percent(scores.images) if compared else None,
        against_accuracy=scores.against_correct.percent(scores.images) if compared and labelled else None,
        timesteps=file.timesteps,
        levels=file.levels,
        total_levels=least if least == most else None,
        total_levels_range=file.total_levels,
        coupling=file.coupling,
        accuracy_at=scores.correct.percent_at(scores.images),
        agreement_at=scores.agreeing.percent_at(scores.images),
        sites=(),
        operations=None,
        layers=(),
        activity_images=0,
        output_errors=() if differences is None else differences.errors(),
        right=scores.correct.each() if labelled else None,
        agreeing=scores.agreeing.each() if compared else None,
    )


def _dims(value: onnx.ValueInfoProto) -> list[onnx.TensorShapeProto.Dimension]:
    return list(value.type.tensor_type.shape.dim)
