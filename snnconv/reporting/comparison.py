"""Several networks on the same data: what each achieves, costs, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, InvalidValueError
from snnconv.evaluation import Evaluation, ann_energy, evaluate
from snnconv.evaluation.accuracy import standard_error, standard_error_of_difference
from snnconv.evaluation.scoring import classes_of
from snnconv.model import SNN, Model
from snnconv.progress import Progress, no_progress
from snnconv.reporting.pareto import front
from snnconv.reporting.provenance import Provenance, describe_model, finite, provenance_of
from snnconv.runtime.running import Precision
from snnconv.spiking.couplings import depth_of, latency_of
from snnconv.spiking.grid import Grid, Setting

__all__ = ["Comparison", "Contender", "Lead", "Reference", "gather_comparison"]


@dataclass(frozen=True)
class Contender:
    """One network at one setting. Shares are in percent, energies in picojoules an image.

    Attributes:
        number: its place, from 1; pictures call it so.
        name: of its file.
        sha256: of its file, where it came from one.
        stage: ann, quantized or snn.
        mode: how it was computed, as in `Evaluation`.
        timesteps: T.
        levels: L, the most of any site.
        total_levels: the least and the most N of any site.
        coupling: of a spiking network.
        depth: sites on the longest way through it.
        latency_steps: time steps until the whole answer is out: T, or depth times T where layers wait.
        accuracy: None without labels.
        accuracy_standard_error: in points.
        agreement: with the reference; None without one.
        agreement_standard_error: in points.
        energy_pj: estimated.
        on_energy_front: no other scores as high for as little energy.
        on_latency_front: no other scores as high as early; False of a network without time.
        note: what is to be known of it.
    """

    number: int
    name: str
    sha256: str | None
    stage: str
    mode: str
    timesteps: int | None
    levels: int | None
    total_levels: tuple[int, int] | None
    coupling: str | None
    depth: int
    latency_steps: int | None
    accuracy: float | None
    accuracy_standard_error: float | None
    agreement: float | None
    agreement_standard_error: float | None
    energy_pj: float | None
    on_energy_front: bool
    on_latency_front: bool
    note: str

    def score(self, name: str) -> float:
        """Accuracy or agreement."""
        value: float | None = getattr(self, name)
        assert value is not None
        return value


@dataclass(frozen=True)
class Reference:
    """The network that all are compared with: its name, accuracy in percent, and estimated energy of an image."""

    name: str
    accuracy: float | None
    energy_pj: float


@dataclass(frozen=True)
class Lead:
    """How far the best network is before the next, on the same images.

    Attributes:
        best: number of the network of the highest score; of equals the first.
        next: number of the one after it.
        points: difference of the two scores.
        standard_error: standard error of the difference, paired (McNemar), in points.
    """

    best: int
    next: int
    points: float
    standard_error: float

    @property
    def clear(self) -> bool:
        """Return whether the difference is more than chance gives: above two standard errors."""
        return self.points > 2 * self.standard_error


@dataclass(frozen=True)
class Comparison:
    """All numbers of the page.

    Attributes:
        score: what fronts are of: accuracy, or agreement where the data have no labels.
        contenders: in the order in which they were given.
        reference: the network they are compared with, or None.
        images: how many were classified.
        counted_images: how many operations were counted on.
        energy_note: what the estimate takes in and leaves out.
        provenance: of the data and the reference; each contender names its own file.
        lead: of the best network before the next; None of one network.
        noun: word for one input, `InputSpec.noun`.
    """

    score: str
    contenders: tuple[Contender, ...]
    reference: Reference | None
    images: int
    counted_images: int
    energy_note: str
    provenance: Provenance
    lead: Lead | None = None
    noun: str = "image"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; a number that is not finite is None."""
        values: dict[str, Any] = finite(asdict(self))
        return values


def gather_comparison(
    models: Sequence[tuple[str, Model]],
    data: DataLike,
    *,
    against: tuple[str, Model] | None = None,
    grid: Grid | None = None,
    limit: int | None = None,
    counted_images: int = 64,
    precision: Precision = "auto",
    energy_model: EnergyModel = DEFAULT,
    command: str | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Evaluate every network at every setting.

    Args:
        models: what to call each network, and itself; it is not changed.
        data: Data in any form that `compare` takes.
        against: the reference.
        grid: T, L and couplings to try with each; by default each as it is.
        limit: the first so many images; None: all.
        counted_images: count operations on the first so many.
        precision: as in `evaluate`.
        energy_model: what operations cost.
        command: the command line, for the provenance.
        progress: told of each batch.

    Raises:
        InvalidValueError: there is no network, or a setting cannot be.
        DataError, ModelError: as `evaluate` does; or there are neither labels nor a reference to score by.
    """
    if not models:
        raise InvalidValueError("There is no network to compare: name one or more.")
    for _, model in models:
        classes_of(model)
    settings = [(name, setting) for name, model in models for setting in (grid or Grid()).settings(model)]
    found: list[tuple[Contender, Evaluation]] = []
    for number, (name, setting) in enumerate(settings, 1):
        result = evaluate(
            setting.model,
            data,
            against=None if against is None else against[1],
            limit=limit,
            activity_images=counted_images,
            precision=precision,
            energy_model=energy_model,
            progress=progress,
        )
        if result.accuracy is None and result.agreement is None:
            raise DataError(
                f"{as_images(data, setting.model.input, 'eval').spec!r} has no labels, and there is no network to "
                "compare with, so that nothing says how good these are: give labelled data, or the network that they "
                "were made from with --against."
            )
        found.append((_contender(number, name, setting, result), result))
    score = "agreement" if found[0][1].accuracy is None else "accuracy"
    first = found[0][1]
    images = as_images(data, models[0][1].input, "eval")
    return Comparison(
        score,
        _with_fronts([contender for contender, _ in found], score),
        None
        if against is None
        else Reference(
            against[0],
            first.against_accuracy,
            _energy_of(against[1], data, first.activity_images, precision, energy_model),
        ),
        first.images,
        first.activity_images,
        str(first.to_dict()["energy_note"]),
        provenance_of(models[0][1], against and against[1], images, first.images, command),
        _lead(found, score),
        models[0][1].input.noun,
    )


def _lead(found: Sequence[tuple[Contender, Evaluation]], score: str) -> Lead | None:
    """Compare the two best, hit by hit."""
    if len(found) == 1:
        return None
    (best, first), (after, second) = sorted(found, key=lambda pair: -pair[0].score(score))[:2]
    one, other = (result.right if score == "accuracy" else result.agreeing for result in (first, second))
    assert one is not None
    assert other is not None
    error = standard_error_of_difference(one, other)
    return Lead(best.number, after.number, best.score(score) - after.score(score), error)


def _contender(number: int, name: str, setting: Setting, result: Evaluation) -> Contender:
    model = setting.model
    return Contender(
        number=number,
        name=name,
        sha256=describe_model(model).get("source_sha256"),
        stage=model.stage.value,
        mode=result.mode,
        timesteps=model.timesteps,
        levels=model.levels,
        total_levels=result.total_levels_range,
        coupling=result.coupling,
        depth=depth_of(model.graph),
        latency_steps=latency_of(model),
        accuracy=result.accuracy,
        accuracy_standard_error=result.accuracy_standard_error,
        agreement=result.agreement,
        agreement_standard_error=None if result.agreement is None else standard_error(result.agreement, result.images),
        energy_pj=None if result.operations is None else result.operations.energy_pj_per_image,
        on_energy_front=False,
        on_latency_front=False,
        note=setting.note,
    )


def _energy_of(
    model: Model, data: DataLike, counted_images: int, precision: Precision, energy_model: EnergyModel
) -> float:
    """Return the estimated energy of the reference, in picojoules an image; spikes are counted on data."""
    if not isinstance(model, SNN):
        return ann_energy(model, energy_model=energy_model).energy_pj_per_image
    counted = evaluate(
        model,
        data,
        limit=counted_images,
        activity_images=counted_images,
        precision=precision,
        energy_model=energy_model,
    )
    assert counted.operations is not None
    return counted.operations.energy_pj_per_image


def _with_fronts(contenders: Sequence[Contender], score: str) -> tuple[Contender, ...]:
    scores = [contender.score(score) for contender in contenders]
    cheap = front([contender.energy_pj for contender in contenders], scores)
    early = front([contender.latency_steps for contender in contenders], scores)
    return tuple(
        replace(contender, on_energy_front=on_energy, on_latency_front=on_latency)
        for contender, on_energy, on_latency in zip(contenders, cheap, early, strict=True)
    )
