"""All numbers of a report, from a network and data."""

from __future__ import annotations

import torch

from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError
from snnconv.evaluation import evaluate
from snnconv.evaluation.differences import class_count
from snnconv.evaluation.scoring import has_labels
from snnconv.model import Model
from snnconv.progress import Progress, no_progress
from snnconv.reporting.costs import layer_costs
from snnconv.reporting.curves import curves_of
from snnconv.reporting.image_notes import disagreeing_images, slowest_images
from snnconv.reporting.measure import measure
from snnconv.reporting.numbers import Report
from snnconv.reporting.options import ReportOptions
from snnconv.reporting.predictions import predict
from snnconv.reporting.provenance import provenance_of
from snnconv.reporting.summary import summarize
from snnconv.reporting.thumbnails import thumbnail
from snnconv.runtime.runnable import shapes_of
from snnconv.runtime.running import Dtype
from snnconv.spiking.couplings import variants
from snnconv.spiking.site_labels import site_labels

__all__ = ["gather"]


def gather(
    model: Model,
    data: DataLike,
    *,
    against: Model | None = None,
    options: ReportOptions | None = None,
    names: tuple[str, str | None] | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Measure everything that a report shows.

    Args:
        model: Network of any stage; it is not changed.
        data: Data in any form that `report` takes. Labels are optional.
        against: Network that it was made from, or another one of the same outputs; None: compare with nothing.
        options: Choices of the report; None: the defaults.
        names: Names of the two networks; None: those in their provenance.
        progress: Callable around each batch, for a progress bar.

    Raises:
        DataError, ModelError, InvalidValueError: as `evaluate` does.
    """
    chosen = options or ReportOptions()
    opened = as_images(data, model.input, "eval")
    if not len(opened):
        raise DataError(f"{opened.spec!r} holds no {opened.input.noun}.")
    classes = class_count(shapes_of(model)[0])
    images = opened.first(chosen.limit)
    few = images.first(chosen.site_images)
    # This also refuses data and pairs of networks that do not fit, before any other work.
    counted = evaluate(
        model,
        few,
        against=against,
        precision=chosen.precision,
        activity_images=len(few),
        energy_model=chosen.energy_model,
        progress=progress,
    )
    labels = torch.tensor(images.labels) if has_labels(images, classes) else None
    couplings = variants(model)
    networks = [variant.model for variant in couplings if variant.model is not None]
    dtype: Dtype = "float64" if counted.precision == "float64" else "float32"
    answers, others = predict(networks or [model], against, images, dtype, progress)
    predictions = answers[0].predictions
    sites = measure(model, few, against=against, precision=dtype, progress=progress)
    disagreeing, disagreements = disagreeing_images(predictions, others, labels, chosen.shown)
    slowest = slowest_images(predictions, others, labels, chosen.shown)
    shown = (*disagreeing, *slowest)
    title, other_title = names or (name_of(model), None if against is None else name_of(against))
    return Report(
        title=title,
        against=None if against is None else other_title,
        summary=summarize(model, counted, answers[0], others, labels, (len(images), len(opened)), chosen.energy_model),
        curves=curves_of(couplings, answers, others, labels),
        output_errors=answers[0].errors,
        sites=sites,
        site_images=len(few),
        layers=layer_costs(counted, model, chosen.energy_model),
        uncounted=counted.operations.uncounted_operators if counted.operations is not None else (),
        disagreeing=disagreeing,
        disagreements=disagreements,
        slowest=slowest,
        classes=images.classes or model.input.classes,
        provenance=provenance_of(model, against, opened, len(images), chosen.command),
        noun=model.input.noun,
        thumbnails={} if images.input.parts else {note.index: thumbnail(images, note.index) for note in shown},
        site_labels=dict(enumerate(site_labels(model.graph), 1)),
    )


def name_of(model: Model) -> str:
    """Return the name of a network's source, or words for a network without one."""
    return str(model.provenance.get("source", f"a network at the stage {model.stage.value}"))
