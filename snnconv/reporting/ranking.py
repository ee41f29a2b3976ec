"""The figure that networks of a comparison are ranked by, its leader, and the fronts of it against costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from snnconv.data.opening import DataLike, as_images
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation import Evaluation
from snnconv.evaluation.accuracy import standard_error_of_difference
from snnconv.evaluation.differences import class_count
from snnconv.evaluation.figures import FIGURES, FigureName, check_figures
from snnconv.model import Model
from snnconv.reporting.comparison import Contender, Lead
from snnconv.reporting.pareto import pareto_front
from snnconv.runtime.runnable import shapes_of

__all__ = ["check_score", "lead_of", "ranked_by", "relative_error_of", "require_score", "scores_at", "with_fronts"]


def check_score(model: Model, data: DataLike, score: FigureName | None, *, has_reference: bool) -> None:
    """Refuse, before any work, a network without the figure that it is to be ranked by."""
    shape = shapes_of(model)[0]
    if score == "correlation":
        names = ", ".join(name for name in FIGURES if name != score)
        raise InvalidValueError(f"score is {score!r}: networks are ranked by one of {names}.")
    if score is not None:
        images = as_images(data, model.input, "eval") if score == "accuracy" else None
        check_figures([score], shape, images=images, has_reference=has_reference)
    elif class_count(shape) is None and not has_reference:
        raise ModelError(
            f"The first output has shape {list(shape)} for a sample, which names no classes, so that only a reference "
            "says how good it is: name the network that it was made from with --against."
        )


def ranked_by(score: FigureName | None, results: Sequence[Evaluation]) -> str:
    """Return the figure that networks are ranked by, as a field of a contender.

    Raises:
        DataError: The reference's output is the same for all samples, so that there is no relative error.
    """
    if score is not None:
        name = score.replace("-", "_")
    elif any(result.accuracy is None and result.agreement is None for result in results):
        name = "relative_error"
    else:
        name = "agreement" if any(result.accuracy is None for result in results) else "accuracy"
    if name == "relative_error" and any(relative_error_of(result) is None for result in results):
        raise DataError(
            "The reference's first output is the same for all samples, or not finite, so that there is no relative "
            "error: give other data, or more."
        )
    return name


def relative_error_of(result: Evaluation) -> float | None:
    """Return the relative error of the first output, in percent; None where there is none."""
    error = result.output_errors[0].relative_error if result.output_errors else None
    return 100 * error if error is not None and math.isfinite(error) else None


def require_score(result: Evaluation, spec: Callable[[], str]) -> None:
    """Refuse an evaluation that has neither an accuracy, an agreement nor errors of outputs."""
    if result.accuracy is None and result.agreement is None and not result.output_errors:
        raise DataError(
            f"{spec()!r} has no labels, and there is no network to compare with, so that nothing says how good these "
            "are: give labelled data, or the network that they were made from with --against."
        )


def lead_of(contenders: Sequence[Contender], results: Sequence[Evaluation], score: str) -> Lead | None:
    """Compare the two best networks image by image; None of one network."""
    if len(contenders) == 1:
        return None
    ranked = sorted(zip(contenders, results, strict=True), key=lambda pair: -pair[0].merit(score))
    (best, best_result), (after, after_result) = ranked[:2]
    points = best.merit(score) - after.merit(score)
    if score == "relative_error":
        return Lead(best.number, after.number, points, None)
    best_hits, after_hits = (
        result.right if score == "accuracy" else result.agreeing for result in (best_result, after_result)
    )
    assert best_hits is not None
    assert after_hits is not None
    error = standard_error_of_difference(best_hits, after_hits)
    return Lead(best.number, after.number, points, error)


def scores_at(model: Model, result: Evaluation, score: str) -> tuple[float, ...] | None:
    """Return the score after each step of a network that streams; None of any other."""
    if model.coupling is None or not model.coupling.streams:
        return None
    if score == "relative_error":
        at = result.output_errors[0].relative_error_at
        return None if at is None else tuple(100 * error for error in at)
    return result.agreement_at if score == "agreement" else result.accuracy_at


def with_fronts(contenders: Sequence[Contender], score: str) -> tuple[Contender, ...]:
    """Return the networks with the marks of those that no other beats, in energy and in latency."""
    scores = [contender.merit(score) for contender in contenders]
    cheap = pareto_front([contender.energy_pj for contender in contenders], scores)
    early = pareto_front([contender.latency_steps for contender in contenders], scores)
    return tuple(
        replace(contender, on_energy_front=on_energy, on_latency_front=on_latency)
        for contender, on_energy, on_latency in zip(contenders, cheap, early, strict=True)
    )
