"""The number of levels of each site, by what it brings and what it costs, under a budget."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from snnconv.convert.allocation.budget import Choice, select
from snnconv.convert.allocation.measuring import Meter
from snnconv.convert.allocation.pareto import front, spread
from snnconv.convert.allocation.report import PrecisionReport
from snnconv.convert.allocation.request import LevelsRequest
from snnconv.convert.allocation.sensitivity import sensitivity
from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.cost import estimated_seconds
from snnconv.convert.calibration.method import METHODS
from snnconv.convert.calibration.settings import CalibrationSettings
from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.graph.access import display_name
from snnconv.model import Model, class_count
from snnconv.neurons import Site
from snnconv.progress import Progress, no_progress
from snnconv.runtime.runnable import shapes_of
from snnconv.spiking.sites import iter_sites

__all__ = ["AllocatedLevels", "choose_levels", "require_choice"]

SENSITIVITY_IMAGES, ENERGY_IMAGES = 64, 64
FEWEST = 8  # images of anything, however long they take
POINTS = 7  # of the front that are measured before a budget is looked at
SENSITIVITY_S, POINT_S = 120.0, 40.0  # of the sensitivities, and of one measured point; estimated, two cores


def require_choice(ann: Model, request: LevelsRequest) -> None:
    """Refuse to choose levels of a network that has its own, or by classes that no output names.

    Raises:
        InvalidValueError: Some site is quantized already, or a budget of agreement is given and the first output names
            no classes.
    """
    shape = shapes_of(ann)[0]
    if request.agreement is not None and class_count(shape) is None:
        raise InvalidValueError(
            f"budget_accuracy is {request.agreement:g} percent of the classes, and the network's first output, of "
            f"shape {list(shape)}, names none: give --budget-energy-pj, or neither."
        )
    if any(isinstance(site, Site) for _, site in iter_sites(ann.graph)):
        raise InvalidValueError(
            "total_levels='auto:FLOOR' chooses levels of activations that are calibrated; this network was trained "
            "with its own. Leave --total-levels out, or give a number."
        )


@dataclass(frozen=True)
class AllocatedLevels:
    """Levels that were chosen, before the final calibration.

    Attributes:
        total_levels: N by the names of the sites' modules.
        meter: Measures the network that the final calibration gives.
        report: Report whose result is, for the time being, the point that was measured for the choice.
    """

    total_levels: dict[str, int]
    meter: Meter
    report: PrecisionReport

    def finished(self, quantized: Model, request: LevelsRequest) -> PrecisionReport:
        """Return the report on the network that the final calibration gave.

        Warns:
            SnnconvWarning: It is beyond the budget that the choice was within.
        """
        result = self.meter.of(quantized, self.report.chosen.predicted_error)
        beyond = None
        if request.energy_pj is not None and result.energy_pj_per_image > request.energy_pj:
            beyond = f"{result.energy_pj_per_image:.4g} pJ an image, the budget is {request.energy_pj:.4g} pJ"
        if request.agreement is not None and result.agreement is not None and result.agreement < request.agreement:
            beyond = f"{result.agreement:.2f} % agreement with the ANN, the budget is {request.agreement:g} %"
        if beyond is not None:
            warnings.warn(
                f"After the final calibration it is {beyond}, which the calibration that chose the levels met. "
                "Give a margin, or that calibration: --calibration bias.",
                SnnconvWarning,
                stacklevel=4,
            )
        return replace(self.report, result=result)


def choose_levels(
    ann: Model,
    batches: Sequence[Tensor],
    timesteps: int,
    request: LevelsRequest,
    settings: CalibrationSettings,
    *,
    progress: Progress = no_progress,
) -> AllocatedLevels:
    """Choose N of every site.

    Args:
        ann: Network as `plan.prepare` returns it, every site a rectifier.
        batches: Normalised images, `[B, ...]` each.
        timesteps: T.
        request: Floor and budget.
        settings: Settings of the final calibration.
        progress: Display of the progress.

    Raises:
        InvalidValueError: No assignment meets the budget.
    """
    names = tuple(display_name(node) for node, _ in iter_sites(ann.graph))
    few, many, counted = _shares(ann, batches, len(names) * len(request.candidates))
    errors = sensitivity(
        ann,
        few,
        request.candidates,
        timesteps,
        rule=METHODS[settings.method].ceilings,
        by_channel=settings.ceilings == "channel",
        progress=progress,
    )
    meter = Meter(ann, many, counted, errors, timesteps, settings)
    path = front(errors)
    uniform = [(place,) * len(names) for place in range(len(request.candidates))]
    places = spread(path, errors, POINTS)
    measured = list(dict.fromkeys([*(path[place] for place in places), *uniform]))
    for choice in progress(measured, "measuring levels", len(measured)):
        meter.measure(choice)
    choice, reason = select(request, path, uniform, places, meter)
    images = (sum(map(len, many)), sum(map(len, few)), sum(map(len, counted)))
    return AllocatedLevels(
        errors.levels(choice), meter, _report(request, names, path, uniform, meter, choice, reason, images)
    )


def _report(
    request: LevelsRequest,
    names: tuple[str, ...],
    path: Sequence[Choice],
    uniform: Sequence[Choice],
    meter: Meter,
    choice: Choice,
    reason: str,
    images: tuple[int, int, int],
) -> PrecisionReport:
    """Return the report of a choice, whose result is for the time being the point that was measured for it."""
    on_path = [meter.points[point] for point in meter.points if point in set(path)]
    return PrecisionReport(
        floor=request.candidates[0],
        candidates=request.candidates,
        sites=names,
        reason=reason,
        front=tuple(sorted(on_path, key=lambda point: point.energy_pj_per_image)),
        uniform=tuple(meter.measure(other) for other in uniform),
        chosen=meter.measure(choice),
        result=meter.measure(choice),
        images=images[0],
        sensitivity_images=images[1],
        energy_images=images[2],
    )


def _shares(
    ann: Model, batches: Sequence[Tensor], quantizations: int
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Return the images that sensitivities, points and spikes are measured on, as many as there is time for.

    Args:
        ann: Network that is measured.
        batches: All images.
        quantizations: Number of times that some site is quantized alone, for an image.
    """
    second = estimated_seconds(ann, 1, 0) / 2  # of one image through the ANN
    few = evenly(batches, _affordable(SENSITIVITY_IMAGES, SENSITIVITY_S, second * quantizations))
    many = evenly(batches, _affordable(sum(map(len, batches)), POINT_S, 6 * second))
    return few, many, evenly(batches, min(ENERGY_IMAGES, sum(map(len, many))))


def _affordable(most: int, budget_s: float, second: float) -> int:
    """Return how many images fit a budget, at least a few, where one image takes `second`."""
    return max(min(most, FEWEST), min(most, int(budget_s / max(second, 1e-12))))
