"""All numbers of a report, from a network and data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, InvalidValueError
from snnconv.evaluation import Evaluation, ann_energy, evaluate
from snnconv.evaluation.accuracy import standard_error
from snnconv.evaluation.scoring import classes_of, has_labels
from snnconv.graph.access import results
from snnconv.model import SNN, Model
from snnconv.progress import Progress, no_progress
from snnconv.reporting.costs import layer_costs
from snnconv.reporting.measure import measure
from snnconv.reporting.numbers import Curve, ImageNote, Report, Summary
from snnconv.reporting.predictions import Answers, answers_of
from snnconv.reporting.provenance import provenance_of
from snnconv.reporting.thumbnails import thumbnail
from snnconv.runtime.running import Precision
from snnconv.spiking.couplings import Variant, depth_of, latency_of, variants

__all__ = ["LIMIT", "SITE_IMAGES", "ReportOptions", "gather"]

LIMIT = 1024  # images to classify, unless told otherwise
SITE_IMAGES = 64  # images to watch sites and count operations on
SHOWN = 12  # images of each kind that are shown


@dataclass(frozen=True)
class ReportOptions:
    """How much a report looks at.

    Attributes:
        limit: classify the first so many images; None: all.
        site_images: watch sites and count operations on the first so many.
        shown: images of each kind to show.
        precision: as in `evaluate`.
        energy_model: what operations cost.
        command: the command line, for the provenance; None from Python.

    Raises:
        InvalidValueError: a number is out of its range.
    """

    limit: int | None = LIMIT
    site_images: int = SITE_IMAGES
    shown: int = SHOWN
    precision: Precision = "auto"
    energy_model: EnergyModel = DEFAULT
    command: str | None = None

    def __post_init__(self) -> None:
        for name, least in (("limit", 1), ("site_images", 1), ("shown", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidValueError(f"{name} is {value}: it must be at least {least}.")


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
        model: of any stage; it is not changed.
        data: Data in any form that `report` takes. Labels are optional.
        against: the network that it was made from, or another of the same outputs.
        options: how much to look at.
        names: what to call the two networks; by default what their provenance says.
        progress: told of each batch.

    Raises:
        DataError, ModelError, InvalidValueError: as `evaluate` does.
    """
    chosen = options or ReportOptions()
    opened = as_images(data, model.input, "eval")
    if not len(opened):
        raise DataError(f"{opened.spec!r} holds no {opened.input.noun}.")
    classes = classes_of(model)
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
    ways = variants(model)
    run = [way for way in ways if way.model is not None]
    networks = [way.model for way in run if way.model is not None] or [model]
    precision: Precision = "float64" if counted.precision == "float64" else "float32"
    answers, theirs = answers_of(networks, against, images, precision, progress)
    sites = measure(model, few, against=against, precision=precision, progress=progress)
    own = answers[0]
    disagreeing, disagreements = _disagreeing(own, theirs, labels, chosen.shown)
    slowest = _slowest(own, theirs, labels, chosen.shown)
    shown = sorted({note.index for note in (*disagreeing, *slowest)})
    title, other = names or _names(model, against)
    return Report(
        title=title,
        against=other if against is not None else None,
        summary=_summary(model, counted, own, theirs, labels, len(opened), chosen.energy_model),
        curves=_curves(ways, run, answers, theirs, labels),
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
        thumbnails={index: thumbnail(images, index) for index in shown},
    )


def _names(model: Model, against: Model | None) -> tuple[str, str | None]:
    def name(network: Model) -> str:
        return str(network.provenance.get("source", f"a network at the stage {network.stage.value}"))

    return name(model), None if against is None else name(against)


def _percent(hits: Tensor) -> float:
    return 100 * float(hits.double().mean())


def _percents(hits: Tensor) -> tuple[float, ...]:
    """Of `[T, n]`, one a step."""
    return tuple(_percent(row) for row in hits)


def _summary(
    model: Model,
    counted: Evaluation,
    own: Answers,
    theirs: Answers | None,
    labels: Tensor | None,
    available: int,
    energy_model: EnergyModel,
) -> Summary:
    images = len(own.final)
    accuracy = None if labels is None else _percent(own.final == labels)
    agreement = None if theirs is None else _percent(own.final == theirs.final)
    stepped = isinstance(model, SNN)
    plain = ann_energy(model, energy_model=energy_model) if stepped else None
    return Summary(
        stage=model.stage.value,
        mode="simulated" if stepped else counted.mode,
        precision=counted.precision,
        images=images,
        images_available=available,
        outputs=len(results(model.graph)) // (2 if stepped else 1),
        accuracy=accuracy,
        accuracy_standard_error=None if accuracy is None else standard_error(accuracy, images),
        against_accuracy=None if labels is None or theirs is None else _percent(theirs.final == labels),
        agreement=agreement,
        agreement_standard_error=None if agreement is None else standard_error(agreement, images),
        timesteps=model.timesteps,
        levels=model.levels,
        total_levels=counted.total_levels_range,
        coupling=counted.coupling,
        depth=depth_of(model.graph),
        latency_steps=latency_of(model),
        energy_pj=None if counted.operations is None else counted.operations.energy_pj_per_image,
        neuron_energy_pj=None if counted.operations is None else counted.operations.neuron_energy_pj_per_image,
        memory_energy_pj=None if counted.operations is None else counted.operations.memory_energy_pj_per_image,
        ann_energy_pj=None if plain is None else plain.energy_pj_per_image,
        ann_memory_energy_pj=None if plain is None else plain.memory_energy_pj_per_image,
        energy_note=str(counted.to_dict()["energy_note"]),
        counted_images=counted.activity_images,
    )


def _curves(
    ways: Sequence[Variant],
    run: Sequence[Variant],
    answers: Sequence[Answers],
    theirs: Answers | None,
    labels: Tensor | None,
) -> tuple[Curve, ...]:
    found = {way.coupling: answer for way, answer in zip(run, answers, strict=False)}
    curves = []
    for place, way in enumerate(ways):
        answer = found.get(way.coupling)
        at = None if answer is None else answer.at
        settled = None if answer is None else answer.settled
        curves.append(
            Curve(
                way.coupling.value,
                place == 0,
                None if at is None or labels is None else _percents(at == labels),
                None if at is None or theirs is None else _percents(at == theirs.final),
                None if at is None or settled is None else _percents(settled <= torch.arange(1, len(at) + 1)[:, None]),
                way.note,
            )
        )
    return tuple(curves)


def _note(index: int, own: Answers, theirs: Answers | None, labels: Tensor | None) -> ImageNote:
    settled = own.settled
    return ImageNote(
        index=index,
        label=None if labels is None else int(labels[index]),
        own=int(own.final[index]),
        other=None if theirs is None else int(theirs.final[index]),
        settled_at=None if settled is None else int(settled[index]),
        margin=float(own.margin[index]),
    )


def _disagreeing(
    own: Answers, theirs: Answers | None, labels: Tensor | None, count: int
) -> tuple[tuple[ImageNote, ...], int | None]:
    """Images that the networks answer differently, the surest answers first; and how many there are."""
    if theirs is None:
        return (), None
    places = (own.final != theirs.final).nonzero().flatten()
    order = places[own.margin[places].argsort(descending=True, stable=True)]
    return tuple(_note(int(index), own, theirs, labels) for index in order[:count]), len(places)


def _slowest(own: Answers, theirs: Answers | None, labels: Tensor | None, count: int) -> tuple[ImageNote, ...]:
    """Images whose answer settles last, of equals the least sure first; none that is settled after step 1."""
    settled = own.settled
    if settled is None:
        return ()
    places = [index for index in range(len(settled)) if int(settled[index]) > 1]
    places.sort(key=lambda index: (-int(settled[index]), float(own.margin[index])))
    return tuple(_note(index, own, theirs, labels) for index in places[:count])
