"""All numbers of a comparison, from networks and data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import Operations
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, InvalidValueError
from snnconv.evaluation import Evaluation, ann_energy, evaluate
from snnconv.evaluation.accuracy import standard_error, standard_error_of_difference
from snnconv.evaluation.scoring import classes_of
from snnconv.model import SNN, Model
from snnconv.neurons import Code
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.progress import Progress, no_progress
from snnconv.reporting.comparison import Comparison, Contender, Lead, Reference
from snnconv.reporting.counted_energy import counted_energy
from snnconv.reporting.pareto import pareto_front
from snnconv.reporting.provenance import describe_model, provenance_of
from snnconv.runtime.running import Precision
from snnconv.spiking.couplings import depth_of, latency_of
from snnconv.spiking.grid import Grid, Setting

__all__ = ["gather_comparison"]


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
    spike_count: SpikeCount | str | None = None,
    command: str | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Evaluate every network at every setting.

    Args:
        models: Names and networks; no network is changed.
        data: Data in any form that `compare` takes.
        against: Name and network of the reference, or None.
        grid: T, L and couplings to try with each network; None: every network at its own.
        limit: Number of images to classify, the first of the data; None: all.
        counted_images: Number of images to count operations on, the first of those.
        precision: Arithmetic, as `evaluate` takes it.
        energy_model: Costs of operations.
        spike_count: Count of spikes that energies and their front are in, as `compare` takes it.
        command: The command line, for the provenance.
        progress: Callable around each batch, for a progress bar.

    Raises:
        InvalidValueError: there is no network, or a setting cannot be.
        DataError, ModelError: as `evaluate` does; or there are neither labels nor a reference to score by.
    """
    count = None if spike_count is None else _spike_count(spike_count)
    if not models:
        raise InvalidValueError("There is no network to compare: name one or more.")
    for _, model in models:
        classes_of(model)

    def evaluated(model: Model) -> Evaluation:
        result = evaluate(
            model,
            data,
            against=None if against is None else against[1],
            limit=limit,
            activity_images=counted_images,
            precision=precision,
            energy_model=energy_model,
            progress=progress,
        )
        _require_score(result, lambda: as_images(data, model.input, "eval").spec)
        return result

    settings = [(name, setting) for name, model in models for setting in (grid or Grid()).settings(model)]
    results = [evaluated(setting.model) for _, setting in settings]
    count = count or _usual_count(results)
    contenders = [
        _contender(number, name, setting, result, count)
        for number, ((name, setting), result) in enumerate(zip(settings, results, strict=True), 1)
    ]
    first, input_spec = results[0], models[0][1].input
    score = "agreement" if first.accuracy is None else "accuracy"
    reference = None
    if against is not None:
        name, network = against
        costs = _costs_of(network, data, first.activity_images, precision, energy_model)
        estimate = costs.estimate(count)
        with_memory = estimate.energy_with_memory_pj_per_image
        reference = Reference(name, first.against_accuracy, estimate.energy_pj_per_image, with_memory)
    images = as_images(data, input_spec, "eval")
    return Comparison(
        score,
        _with_fronts(contenders, score),
        reference,
        first.images,
        first.activity_images,
        energy_model.note_in(count),
        provenance_of(models[0][1], against and against[1], images, first.images, command),
        _lead(contenders, results, score),
        input_spec.noun,
        count,
    )


def _spike_count(name: str) -> SpikeCount:
    """Return the count of a name.

    Raises:
        InvalidValueError: there is no such count.
    """
    try:
        return SpikeCount(name)
    except ValueError as error:
        labels = ", ".join(repr(count.label) for count in SpikeCount)
        raise InvalidValueError(f"spike_count is {name!r}: it must be one of {labels}.") from error


def _usual_count(results: Sequence[Evaluation]) -> SpikeCount:
    """Return the count that is fair to all networks: unary, unless one of them sends powers of two."""
    powers = any(result.code == Code.POWER_OF_TWO for result in results)
    return SpikeCount.POWER_OF_TWO if powers else SpikeCount.UNARY


def _require_score(result: Evaluation, spec: Callable[[], str]) -> None:
    """Refuse an evaluation that has neither an accuracy nor an agreement."""
    if result.accuracy is None and result.agreement is None:
        raise DataError(
            f"{spec()!r} has no labels, and there is no network to compare with, so that nothing says how good these "
            "are: give labelled data, or the network that they were made from with --against."
        )


def _lead(contenders: Sequence[Contender], results: Sequence[Evaluation], score: str) -> Lead | None:
    """Compare the two best networks image by image; None of one network."""
    if len(contenders) == 1:
        return None
    ranked = sorted(zip(contenders, results, strict=True), key=lambda pair: -pair[0].score(score))
    (best, best_result), (after, after_result) = ranked[:2]
    best_hits, after_hits = (
        result.right if score == "accuracy" else result.agreeing for result in (best_result, after_result)
    )
    assert best_hits is not None
    assert after_hits is not None
    error = standard_error_of_difference(best_hits, after_hits)
    return Lead(best.number, after.number, best.score(score) - after.score(score), error)


def _contender(number: int, name: str, setting: Setting, result: Evaluation, count: SpikeCount) -> Contender:
    model = setting.model
    return Contender(
        number=number,
        name=name,
        sha256=describe_model(model).get("source_sha256"),
        stage=model.stage.value,
        mode=result.mode,
        timesteps=model.timesteps,
        levels=result.levels,
        total_levels=result.total_levels_range,
        coupling=result.coupling,
        code=result.code,
        octaves=result.octaves,
        depth=depth_of(model.graph),
        latency_steps=latency_of(model),
        accuracy=result.accuracy,
        accuracy_standard_error=result.accuracy_standard_error,
        agreement=result.agreement,
        agreement_standard_error=None if result.agreement is None else standard_error(result.agreement, result.images),
        energy_pj=None if result.operations is None else result.operations.estimate(count).energy_pj_per_image,
        on_energy_front=False,
        on_latency_front=False,
        score_at=_scores_at(model, result),
        note=setting.note,
        energy_by_count=counted_energy(result.operations, result.ann_operations),
    )


def _scores_at(model: Model, result: Evaluation) -> tuple[float, ...] | None:
    """Return the score after each step of a network that streams; None of any other."""
    if model.coupling is None or not model.coupling.streams:
        return None
    return result.agreement_at if result.accuracy is None else result.accuracy_at


def _costs_of(
    model: Model, data: DataLike, counted_images: int, precision: Precision, energy_model: EnergyModel
) -> Operations:
    """Return the operations of the reference; spikes are counted on data."""
    if not isinstance(model, SNN):
        return ann_energy(model, energy_model=energy_model)
    counted = evaluate(
        model,
        data,
        limit=counted_images,
        activity_images=counted_images,
        precision=precision,
        energy_model=energy_model,
    )
    assert counted.operations is not None
    return counted.operations


def _with_fronts(contenders: Sequence[Contender], score: str) -> tuple[Contender, ...]:
    """Return the networks with the marks of those that no other beats, in energy and in latency."""
    scores = [contender.score(score) for contender in contenders]
    cheap = pareto_front([contender.energy_pj for contender in contenders], scores)
    early = pareto_front([contender.latency_steps for contender in contenders], scores)
    return tuple(
        replace(contender, on_energy_front=on_energy, on_latency_front=on_latency)
        for contender, on_energy, on_latency in zip(contenders, cheap, early, strict=True)
    )
