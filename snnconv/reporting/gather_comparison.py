"""All numbers of a comparison, from networks and data."""

from __future__ import annotations

from collections.abc import Sequence

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import Operations
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import InvalidValueError
from snnconv.evaluation import Evaluation, ann_energy, evaluate
from snnconv.evaluation.accuracy import standard_error
from snnconv.evaluation.figures import FigureName
from snnconv.model import SNN, Model
from snnconv.neurons import Code
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.progress import Progress, no_progress
from snnconv.reporting.comparison import Comparison, Contender, Reference
from snnconv.reporting.counted_energy import counted_energy
from snnconv.reporting.provenance import describe_model, provenance_of
from snnconv.reporting.ranking import (
    check_score,
    lead_of,
    ranked_by,
    relative_error_of,
    require_score,
    scores_at,
    with_fronts,
)
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
    score: FigureName | None = None,
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
        score: Figure that networks are ranked by, as `compare` takes it.
        command: The command line, for the provenance.
        progress: Callable around each batch, for a progress bar.

    Raises:
        InvalidValueError: there is no network, or a setting cannot be.
        DataError, ModelError: as `evaluate` does; or there is nothing to score by, or not the score that is named.
    """
    count = None if spike_count is None else _spike_count(spike_count)
    if not models:
        raise InvalidValueError("There is no network to compare: name one or more.")
    for _, model in models:
        check_score(model, data, score, has_reference=against is not None)

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
        require_score(result, lambda: as_images(data, model.input, "eval").spec)
        return result

    settings = [(name, setting) for name, model in models for setting in (grid or Grid()).settings(model)]
    results = [evaluated(setting.model) for _, setting in settings]
    count = count or _usual_count(results)
    figure = ranked_by(score, results)
    contenders = [
        _contender(number, name, setting, result, count, figure)
        for number, ((name, setting), result) in enumerate(zip(settings, results, strict=True), 1)
    ]
    first, input_spec = results[0], models[0][1].input
    reference = None
    if against is not None:
        name, network = against
        costs = _costs_of(network, data, first.activity_images, precision, energy_model)
        estimate = costs.estimate(count)
        with_memory = estimate.energy_with_memory_pj_per_image
        reference = Reference(name, first.against_accuracy, estimate.energy_pj_per_image, with_memory)
    images = as_images(data, input_spec, "eval")
    return Comparison(
        figure,
        with_fronts(contenders, figure),
        reference,
        first.images,
        first.activity_images,
        energy_model.note_in(count),
        provenance_of(models[0][1], against and against[1], images, first.images, command),
        lead_of(contenders, results, figure),
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


def _contender(
    number: int, name: str, setting: Setting, result: Evaluation, count: SpikeCount, score: str
) -> Contender:
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
        relative_error=relative_error_of(result),
        correlation=result.output_errors[0].correlation if result.output_errors else None,
        energy_pj=None if result.operations is None else result.operations.estimate(count).energy_pj_per_image,
        on_energy_front=False,
        on_latency_front=False,
        score_at=scores_at(model, result, score),
        note=setting.note,
        energy_by_count=counted_energy(result.operations, result.ann_operations),
    )


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
