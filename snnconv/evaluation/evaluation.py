"""The verb: run a network over data for its predictions, and over some of them once more for its cost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from snnconv.costs.activity import Activity
from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import Operations
from snnconv.data.opening import DataLike
from snnconv.errors import InvalidValueError, ModelError
from snnconv.evaluation.differences import class_count
from snnconv.evaluation.energy import compared_energy, measured_activity
from snnconv.evaluation.exported import ExportedNetwork, open_exported
from snnconv.evaluation.inputs import check_data, images_of
from snnconv.evaluation.metrics import Metric, check_metrics
from snnconv.evaluation.result import Evaluation
from snnconv.evaluation.score import Score
from snnconv.evaluation.scoring import score
from snnconv.evaluation.subject import reference_of, subject_of
from snnconv.evaluation.unsettled import unsettled_units
from snnconv.loading import ModelLike, load_beside, load_for
from snnconv.progress import Progress, no_progress
from snnconv.runtime.runnable import Runnable
from snnconv.runtime.running import Backend, Precision

__all__ = ["evaluate"]


def evaluate(
    model: ModelLike | ExportedNetwork,
    data: DataLike,
    *,
    against: ModelLike | None = None,
    metrics: Mapping[str, Metric] | None = None,
    simulate: bool = False,
    stop_when_settled: int | None = None,
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
        model: Network of any stage: a Model, the path of its file, which may be one of 8-bit integers or of one time
            step, `timm:NAME`, or an `nn.Module`, the shape of whose input the data tell. It is not changed.
        data: Data spec, samples `[n, ...]` as the network takes them, `(x, y)`, Dataset, DataLoader, or images opened
            with `model.input`. Labels are optional.
        against: Reference of the same outputs, in any of these forms, whose outputs are compared on the same images,
            and their arg-max where they name classes, in its own layout and normalisation; where it states none, it
            is given the images as `model` is. A mean-coupled spiking one is collapsed.
        metrics: Functions by name, each of all outputs by name, float32 arrays `[n, ...]` in the order of the images,
            and of the labels, `[n]` or None; what it returns, one number, is in `metrics` of the result, and in
            `against_metrics` what it returns for the reference's outputs, under the names of `model`'s. All outputs
            are then held in memory.
        simulate: True to step through time also where that is not needed.
        stop_when_settled: Number of steps S for which the class of an image must stay the same for its run to end; it
            is then the image's class. The network runs step by step in onnxruntime, as `snnconv export --form
            single-step` writes it; it must be of causal or differential coupling. None: all T steps are run.
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
        InvalidValueError: An option is out of its range, `simulate` is set for a network without time, or a metric is
            no function or returns no number.
        DataError: There is no image, the images are of another size than the network's, or labels do not fit
            its outputs.
        FileError: A network's file is missing or damaged.
        ModelError: `against` has another number of classes, another shape of outputs, another input size or another
            number of frames; a network takes single frames of data that change over time; or a network that is to
            stop when its classes have settled does not stream, or names no classes.
    """
    _check_options(limit, batch_size, activity_images)
    check_metrics({} if metrics is None else metrics)
    if isinstance(model, (str, os.PathLike)):
        model = open_exported(model) or load_for(model, data, "eval")
    if not isinstance(model, ExportedNetwork):
        model = load_for(model, data, "eval")
    reference_model = None if against is None else load_beside(against, model.input)
    subject = subject_of(
        model,
        simulate=simulate,
        precision=precision,
        backend=backend,
        energy_model=energy_model,
        stop_when_settled=stop_when_settled,
    )
    images = images_of(data, subject.input, limit)
    check_data(images.input, subject.input)
    if stop_when_settled is not None:
        _require_classes(subject.network)
    network = subject.opened_for(images.input).network
    reference = None if reference_model is None else reference_of(reference_model, subject.dtype)
    size = batch_size or min(runner.batch_size for runner in (network, reference) if runner is not None)
    scored = score(network, images, against=reference, metrics=metrics, batch_size=size, progress=progress)
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
    unsettled = None
    if subject.counted is not None:
        unsettled = unsettled_units(subject.counted, images, count=activity_images, batch_size=size, progress=progress)
    costs = _costs(activity, ann_operations)
    return Evaluation(**_fields_of(scored), **subject.facts(), **costs, unsettled=unsettled)


def _require_classes(network: Runnable) -> None:
    """Refuse a network of whose first output nothing settles."""
    if class_count(network.shapes[0]) is None:
        raise ModelError(
            f"The first output has shape {list(network.shapes[0])} for a sample, which names no classes, so that none "
            "settles: leave stop_when_settled out."
        )


def _fields_of(scored: Score) -> dict[str, Any]:
    return {field.name: getattr(scored, field.name) for field in fields(Score)}


def _costs(activity: Activity | None, ann_operations: Operations | None) -> dict[str, Any]:
    """Return the fields of an `Evaluation` that activity tells; none where nothing was counted."""
    if activity is None:
        return {}
    return {
        "sites": activity.sites,
        "operations": activity.operations,
        "layers": activity.layers,
        "activity_images": activity.images,
        "ann_operations": ann_operations,
    }


def _check_options(limit: int | None, batch_size: int | None, activity_images: int) -> None:
    for name, value, least in (
        ("limit", limit, 1),
        ("batch_size", batch_size, 1),
        ("activity_images", activity_images, 0),
    ):
        if value is not None and value < least:
            raise InvalidValueError(f"{name} is {value}: it must be at least {least}.")
