"""The network and its predictions in a few numbers."""

from __future__ import annotations

from torch import Tensor

from snnconv.costs.energy import EnergyModel
from snnconv.evaluation import Evaluation, ann_energy
from snnconv.evaluation.accuracy import standard_error
from snnconv.graph.access import results
from snnconv.model import SNN, Model
from snnconv.reporting.counted_energy import counted_energy
from snnconv.reporting.numbers import Summary
from snnconv.reporting.predictions import Answers, ImagePredictions, percent_of
from snnconv.spiking.couplings import depth_of, latency_of

__all__ = ["summarize"]


def summarize(
    model: Model,
    counted: Evaluation,
    answers: Answers,
    others: ImagePredictions | None,
    labels: Tensor | None,
    count: tuple[int, int],
    energy_model: EnergyModel,
) -> Summary:
    """Return the summary of a network.

    Args:
        model: The network.
        counted: Evaluation of the network that counted its operations.
        answers: Answers of the network for n images.
        others: Predictions of the other network for the same images, or None without one.
        labels: Classes of the images, `[n]`, or None.
        count: Number of images that were run, and number that the data hold.
        energy_model: Costs of operations.
    """
    (images, available), predictions = count, answers.predictions
    accuracy = None if predictions is None or labels is None else percent_of(predictions.final == labels)
    agreement = None if predictions is None or others is None else percent_of(predictions.final == others.final)
    first = answers.errors[0] if answers.errors else None
    relative_error = None if first is None else first.relative_error
    stepped = isinstance(model, SNN)
    plain = ann_energy(model, energy_model=energy_model) if stepped else None
    operations = counted.operations
    return Summary(
        stage=model.stage.value,
        mode="simulated" if stepped else counted.mode,
        precision=counted.precision,
        images=images,
        images_available=available,
        outputs=len(results(model.graph)) // (2 if stepped else 1),
        accuracy=accuracy,
        accuracy_standard_error=None if accuracy is None else standard_error(accuracy, images),
        against_accuracy=None if labels is None or others is None else percent_of(others.final == labels),
        agreement=agreement,
        agreement_standard_error=None if agreement is None else standard_error(agreement, images),
        relative_error=None if relative_error is None else 100 * relative_error,
        correlation=None if first is None else first.correlation,
        timesteps=model.timesteps,
        levels=counted.levels,
        total_levels=counted.total_levels_range,
        coupling=counted.coupling,
        code=counted.code,
        octaves=counted.octaves,
        unsettled=None if counted.unsettled is None else counted.unsettled.share,
        depth=depth_of(model.graph),
        latency_steps=latency_of(model),
        energy_pj=None if operations is None else operations.energy_pj_per_image,
        neuron_energy_pj=None if operations is None else operations.neuron_energy_pj_per_image,
        memory_energy_pj=None if operations is None else operations.memory_energy_pj_per_image,
        ann_energy_pj=None if plain is None else plain.energy_pj_per_image,
        ann_memory_energy_pj=None if plain is None else plain.memory_energy_pj_per_image,
        energy_note=str(counted.to_dict()["energy_note"]),
        counted_images=counted.activity_images,
        energy_by_count=counted_energy(operations, plain) if stepped else (),
    )
