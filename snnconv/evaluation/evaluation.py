"""The verb: run a network over data for its predictions, and over some of them once more for its cost."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

from snnconv.costs.activity import Activity
from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.opening import DataLike
from snnconv.errors import InvalidValueError
from snnconv.evaluation.energy import compared_energy, measured_activity
from snnconv.evaluation.exported import ExportedNetwork, open_exported
from snnconv.evaluation.inputs import check_data, images_of
from snnconv.evaluation.result import Evaluation
from snnconv.evaluation.score import Score
from snnconv.evaluation.scoring import score
from snnconv.evaluation.subject import reference_of, subject_of
from snnconv.loading import ModelLike, load_beside, load_for
from snnconv.progress import Progress, no_progress
from snnconv.runtime.running import Backend, Precision

__all__ = ["evaluate"]


def evaluate(
    model: ModelLike | ExportedNetwork,
    data: DataLike,
    *,
    against: ModelLike | None = None,
    simulate: bool = False,
    limit: int | None = None,
    batch_size: int | None = None,
    activity_images: int = 64,
    energy_model: EnergyModel = DEFAULT,
    precision: Precision = "auto",
    backend: Backend = "auto",
    progress: Progress = no_progress,
) -> Evaluation:
    """Measure accuracy, agreement, activity, operations and estimated energy of a network.

    A mean-coupled spiking network is evaluated collapsed, in one pass, as the quantized network that it
    equals. A causal one is simulated, step by step, and so is one whose input changes over time. Simulated and
    collapsed may differ where a value lies on the border of two levels.

    Args:
        model: Network of any stage: a Model, the path of its file, which may be one of 8-bit integers, `timm:NAME`, or
            an `nn.Module`, the shape of whose input the data tell. It is not changed.
        data: Data spec, samples `[n, ...]` as the network takes them, `(x, y)`, Dataset, DataLoader, or images opened
            with `model.input`. Labels are optional.
        against: Reference of the same outputs, in any of these forms, whose arg-max is compared on the same images
            (whose outputs, where they name no classes), in its own layout and normalisation; where it states none, it
            is given the images as `model` is. A mean-coupled spiking one is collapsed.
        simulate: True to step through time also where that is not needed.
        limit: Number of images, the first ones; None: all.
        batch_size: Images at a time; None: as many as keep the largest activation modest.
        activity_images: Number of images, the first ones, over which activity and operations are counted; 0: none.
        energy_model: Prices of operations, as `EnergyModel.load` reads them from a file.
        precision: Dtype: "float64", in which rounding moves no value over the border of two levels, so that collapsed
            and simulated evaluation are equal; "float32"; or "auto": float64 for a network with levels, on a CPU, in
            torch.
        backend: Classifier of the images: "torch", "onnxruntime" (in float32, on the CPU), or "onnxruntime-int8", its
            8-bit integers, for a quantized or spiking network; or "auto": onnxruntime for a file of 8-bit integers,
            whose activity is not counted, and torch for all else. The reference is run, and activity counted, in torch.
        progress: Receiver of each batch's progress.

    Raises:
        InvalidValueError: An option is out of its range, or `simulate` is set for a network without time.
        DataError: There is no image, the images are of another size than the network's, or labels do not fit
            its outputs.
        FileError: A network's file is missing or damaged.
        ModelError: `against` has another number of classes, another shape of outputs, another input size or another
            number of frames; or a network takes single frames of data that change over time.
    """
    _check_options(limit, batch_size, activity_images)
    if isinstance(model, (str, os.PathLike)):
        model = open_exported(model) or load_for(model, data, "eval")
    if not isinstance(model, ExportedNetwork):
        model = load_for(model, data, "eval")
    reference_model = None if against is None else load_beside(against, model.input)
    subject = subject_of(model, simulate=simulate, precision=precision, backend=backend, energy_model=energy_model)
    images = images_of(data, subject.input, limit)
    check_data(images.input, subject.input)
    network = subject.opened_for(images.input).network
    reference = None if reference_model is None else reference_of(reference_model, subject.dtype)
    size = batch_size or min(runner.batch_size for runner in (network, reference) if runner is not None)
    scored = score(network, images, against=reference, batch_size=size, progress=progress)
    activity = ann_operations = None
    if subject.counted is not None and activity_images and not isinstance(model, ExportedNetwork):
        ann_operations = compared_energy(model, reference_model, energy_model)
        activity = measured_activity(
            subject.counted,
            images,
            count=activity_images,
            batch_size=size,
            timesteps=subject.timesteps,
            energy_model=energy_model,
            progress=progress,
        )
    return Evaluation(**_fields_of(scored), **subject.facts(), **_costs(activity), ann_operations=ann_operations)


def _fields_of(scored: Score) -> dict[str, Any]:
    return {field.name: getattr(scored, field.name) for field in fields(Score)}


def _costs(activity: Activity | None) -> dict[str, Any]:
    """Return the fields of an `Evaluation` that activity tells; none where nothing was counted."""
    if activity is None:
        return {}
    return {
        "sites": activity.sites,
        "operations": activity.operations,
        "layers": activity.layers,
        "activity_images": activity.images,
    }


def _check_options(limit: int | None, batch_size: int | None, activity_images: int) -> None:
    for name, value, least in (
        ("limit", limit, 1),
        ("batch_size", batch_size, 1),
        ("activity_images", activity_images, 0),
    ):
        if value is not None and value < least:
            raise InvalidValueError(f"{name} is {value}: it must be at least {least}.")
