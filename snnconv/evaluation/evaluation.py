"""The verb: run a network over data for its answers, and over some of them once more for its cost."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import torch
from torch import fx

from snnconv.costs.activity import Activity, measure
from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import Operations
from snnconv.data.images import Images
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation.accuracy import Scores, standard_error
from snnconv.evaluation.differences import OutputError, class_count
from snnconv.evaluation.exported import ExportedNetwork, check_exported, evaluate_exported, open_exported
from snnconv.evaluation.inputs import check_data
from snnconv.evaluation.result import Evaluation, Mode
from snnconv.evaluation.scoring import check_pair, differences_of, has_labels, score, shapes_of
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.graph.size import Size
from snnconv.loading import ModelLike, load_beside, load_for
from snnconv.model import SNN, Model, QuantizedANN
from snnconv.neurons import Coupling
from snnconv.progress import Progress, no_progress
from snnconv.runtime.inference import batch_that_fits, fires_levels, for_inference
from snnconv.runtime.integers import ARITHMETIC
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.running import (
    Backend,
    Precision,
    check_choice,
    device,
    dtype,
    exported,
    in_precision,
    resolve,
)
from snnconv.spiking.sites import iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse, of_one_frame

__all__ = ["ann_activity", "ann_energy", "counted_form", "evaluate"]


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
    """Accuracy, agreement, activity, operations and estimated energy of a network.

    A mean-coupled spiking network is evaluated collapsed, in one pass, as the quantized network that it
    equals. A causal one is simulated, step by step, and so is one whose input changes over time. Simulated and
    collapsed may differ where a value lies on the border of two levels.

    Args:
        model: Network of any stage: a Model, the path of its file, which may be one of 8-bit integers, `timm:NAME`, or
            an `nn.Module`, the shape of whose input the data tell. It is not changed.
        data: Data spec, samples `[n, ...]` as the network takes them, `(x, y)`, Dataset, DataLoader, or images opened
            with `model.input`. Labels are optional.
        against: Network of the same outputs, in any of these forms, whose arg-max is compared on the same images (whose
            outputs, where they name no classes), in its own layout and normalisation; where it states none, it is given
            what `model` is given. A mean-coupled spiking one is collapsed.
        simulate: step through time also where that is not needed.
        limit: evaluate the first so many images; None: all.
        batch_size: images at a time; None: as many as keep the largest activation modest.
        activity_images: count activity and operations over the first so many images; 0: do not.
        energy_model: what operations cost, as `EnergyModel.load` reads it of a file.
        precision: "float64", in which rounding moves no value over the border of two levels, so that collapsed and
            simulated evaluation are equal; "float32"; or "auto": float64 for what has levels, on a CPU, in torch.
        backend: what classifies the images: "torch", "onnxruntime" (in float32, on the CPU), or "onnxruntime-int8", its
            8-bit integers, for what is quantized or spikes; or "auto": onnxruntime for a file of 8-bit integers, whose
            activity is not counted, and torch for all else. Another network is run, and activity counted, in torch.
        progress: told of each batch.

    Raises:
        InvalidValueError: an option is out of its range, or `simulate` is set for a network without time.
        DataError: there is no image, the images are of another size than the network's, or labels do not fit
            its outputs.
        FileError: a network's file is missing or damaged.
        ModelError: `against` has another number of classes, another shape of outputs, another input size or another
            number of frames; or a network takes single frames of data that change over time.
    """
    _check_options(limit, batch_size, activity_images)
    if isinstance(model, (str, os.PathLike)):
        model = open_exported(model) or load_for(model, data, "eval")
    if isinstance(model, ExportedNetwork):
        check_choice(precision, backend)
        check_exported(model, simulate, precision, backend, energy_model)
        return evaluate_exported(model, data, against, limit, batch_size, progress)
    model = load_for(model, data, "eval")
    against = None if against is None else load_beside(against, model.input)
    backend = "torch" if backend == "auto" else backend
    mode = _mode(model, simulate)
    precision = resolve(precision, model, backend)
    opened = as_images(data, model.input, "eval")
    if not len(opened):
        raise DataError(f"{opened.spec!r} holds no {opened.input.noun}.")
    images = opened.first(limit)
    check_data(images.input, model.input)
    plain = in_precision(_runnable(model, mode), precision)
    running: list[Model | OnnxNetwork] = [for_inference(plain) if backend == "torch" else exported(plain, backend)]
    sizes = [batch_that_fits(running[0] if isinstance(running[0], Model) else plain)]
    shapes, differences = shapes_of(model), None
    classes = class_count(shapes[0])
    if against is not None:
        check_pair(shapes, against, images)
        differences = differences_of(model.outputs, shapes, shapes_of(against))
        other = for_inference(in_precision(_runnable(against, _mode(against, simulate=False)), precision))
        running.append(other)
        sizes.append(batch_that_fits(other))
    labelled = has_labels(images, classes)
    size = batch_size or min(sizes)
    scores = score(
        running, against, images, labelled, size, progress, classes=classes is not None, differences=differences
    )
    activity = _activity(plain, model.timesteps, images, activity_images, size, energy_model, progress)
    return _evaluation(
        model,
        mode,
        precision,
        backend,
        scores,
        activity,
        labelled=labelled,
        compared=against is not None and classes is not None,
        errors=() if differences is None else differences.errors(),
        integers=isinstance(running[0], Model) and fires_levels(running[0]),
    )


def ann_energy(model: Model, *, size: Size | None = None, energy_model: EnergyModel = DEFAULT) -> Operations:
    """Operations of one image in the plain network, for comparison: every operator once, batch-norm folded.

    Of data that change over time every operator counts once a frame: the plain network is run on each of them.

    Args:
        model: of any stage; a spiking network counts as the plain network of the same layers. It is not
            changed.
        size: height and width of the input, where the network leaves them open.
        energy_model: what operations cost.

    Raises:
        ModelError: the network leaves its input's size open and `size` is not given.
    """
    return ann_activity(model, size=size, energy_model=energy_model).operations


def ann_activity(model: Model, *, size: Size | None = None, energy_model: EnergyModel = DEFAULT) -> Activity:
    """`ann_energy` by layer: the same operations, and each node's; no sites, for nothing is shown to the network.

    Layers have the names of a spiking network's made from it, as far as conversion keeps them.

    Raises:
        ModelError: as of `ann_energy`.
    """
    plain = of_one_frame(model) if isinstance(model, SNN) else model
    sample = torch.zeros(1, *model.input.override(size=size).sample_shape(), device=device(plain))
    found = measure(counted_form(plain), [sample], frames=model.input.timesteps or 1, energy_model=energy_model)
    return replace(found, sites=())


def _check_options(limit: int | None, batch_size: int | None, activity_images: int) -> None:
    for name, value, least in (
        ("limit", limit, 1),
        ("batch_size", batch_size, 1),
        ("activity_images", activity_images, 0),
    ):
        if value is not None and value < least:
            raise InvalidValueError(f"{name} is {value}: it must be at least {least}.")


def _mode(model: Model, simulate: bool) -> Mode:
    if isinstance(model, SNN):
        steps = simulate or model.coupling is not Coupling.MEAN or model.input.timesteps is not None
        return "simulated" if steps else "collapsed"
    if model.input.timesteps is not None:
        raise ModelError(
            f"The network takes single frames, its data are recordings of {model.input.timesteps} frames: only a "
            "spiking network is evaluated on them. Evaluate the spiking network that is made from it."
        )
    if simulate:
        raise InvalidValueError(
            f"Only a spiking network can be simulated; this one is at the stage {model.stage.value}. "
            "Leave simulate out."
        )
    return "quantized" if isinstance(model, QuantizedANN) else "ann"


def _runnable(model: Model, mode: Mode) -> Model:
    return collapse(model) if mode == "collapsed" else model


def _activity(
    model: Model,
    timesteps: int | None,
    images: Images,
    count: int,
    size: int,
    energy_model: EnergyModel,
    progress: Progress,
) -> Activity | None:
    """Activity of what runs; `timesteps` is that of the spiking network that it stands for."""
    if not count:
        return None
    graph = counted_form(model)
    counted = images.first(count)
    total = math.ceil(len(counted) / size)
    batches = progress(
        (x.to(device(model), dtype(model)) for x, _ in counted.batches(size)), "Counting operations", total
    )
    return measure(graph, batches, timesteps=timesteps, energy_model=energy_model)


def counted_form(model: Model) -> fx.GraphModule:
    """Return a copy of a network's graph as operations are counted on it: in evaluation mode, batch-norm folded.

    Every count and every estimate goes through this form, so that one network has one energy.
    """
    graph = model.copy().graph.eval()
    run_passes(graph, (split_calls, fold_affine))
    return graph


def _evaluation(
    model: Model,
    mode: Mode,
    precision: Precision,
    backend: Backend,
    scores: Scores,
    activity: Activity | None,
    *,
    labelled: bool,
    compared: bool,
    errors: tuple[OutputError, ...],
    integers: bool,
) -> Evaluation:
    images = scores.images
    accuracy = scores.correct.percent(images) if labelled else None
    least, most = _total_levels(model)
    stated = "8-bit integers" if backend == "onnxruntime-int8" else precision
    return Evaluation(
        mode=mode,
        precision=stated,
        arithmetic=ARITHMETIC if integers else stated,
        backend=backend,
        images=images,
        accuracy=accuracy,
        accuracy_standard_error=None if accuracy is None else standard_error(accuracy, images),
        agreement=scores.agreeing.percent(images) if compared else None,
        against_accuracy=scores.against_correct.percent(images) if compared and labelled else None,
        timesteps=model.timesteps,
        levels=model.levels,
        total_levels=least if least == most else None,
        total_levels_range=None if least is None or most is None else (least, most),
        coupling=None if model.coupling is None else model.coupling.value,
        accuracy_at=scores.correct.percent_at(images),
        agreement_at=scores.agreeing.percent_at(images),
        sites=activity.sites if activity else (),
        operations=activity.operations if activity else None,
        layers=activity.layers if activity else (),
        activity_images=activity.images if activity else 0,
        output_errors=errors,
        right=scores.correct.each() if labelled else None,
        agreeing=scores.agreeing.each() if compared else None,
    )


def _total_levels(model: Model) -> tuple[int, int] | tuple[None, None]:
    """The least and the most N of any site."""
    found = {total for _, site in iter_sites(model.graph) if (total := total_levels_of(site)) is not None}
    return (min(found), max(found)) if found else (None, None)
