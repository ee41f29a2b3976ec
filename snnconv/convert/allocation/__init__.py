"""Mixed precision: the number of levels of each site, by what it brings and what it costs, under a budget."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from snnconv.convert.allocation.budget import select
from snnconv.convert.allocation.measuring import Meter
from snnconv.convert.allocation.pareto import front, spread
from snnconv.convert.allocation.report import PrecisionPoint, PrecisionReport
from snnconv.convert.allocation.request import LevelsRequest
from snnconv.convert.allocation.sensitivity import sensitivity
from snnconv.convert.calibration import CalibrationSettings
from snnconv.convert.calibration.auto import estimated_seconds
from snnconv.convert.calibration.images import evenly
from snnconv.errors import InvalidValueError, SnnconvWarning
from snnconv.graph.access import display_name
from snnconv.model import Model
from snnconv.neurons import Site
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import iter_sites

__all__ = ["ChosenLevels", "PrecisionPoint", "PrecisionReport", "choose_levels", "require_choice"]

SENSITIVITY_IMAGES, ENERGY_IMAGES = 64, 64
FEWEST = 8  # images of anything, however long they take
POINTS = 7  # of the front that are measured before a budget is looked at
SENSITIVITY_S, POINT_S = 120.0, 40.0  # what the sensitivities, and one measured point, may take; estimated, two cores


def require_choice(ann: Model) -> None:
    """Refuse to choose levels of a network that has its own.

    Raises:
        InvalidValueError: some site is quantized already.
    """
    if any(isinstance(site, Site) for _, site in iter_sites(ann.graph)):
        raise InvalidValueError(
            "total_levels='auto:FLOOR' chooses levels of activations that are calibrated; this network was trained "
            "with its own. Leave --total-levels out, or give a number."
        )


@dataclass(frozen=True)
class ChosenLevels:
    """A choice, before the final calibration.

    Attributes:
        total_levels: N by the names of the sites' modules.
        meter: measures what the final calibration makes of it.
        report: with the point as measured for the choice in the place of the result.
    """

    total_levels: dict[str, int]
    meter: Meter
    report: PrecisionReport

    def finished(self, quantized: Model, request: LevelsRequest) -> PrecisionReport:
        """The report of the network that the final calibration made.

        Warns:
            SnnconvWarning: it is beyond the budget that the choice was within.
        """
        result = self.meter.of(quantized, self.report.chosen.predicted_error)
        beyond = None
        if request.energy_pj is not None and result.energy_pj_per_image > request.energy_pj:
            beyond = f"{result.energy_pj_per_image:.4g} pJ an image, the budget is {request.energy_pj:.4g} pJ"
        if request.agreement is not None and result.agreement < request.agreement:
            beyond = f"{result.agreement:.2f} % agreement with the ANN, the budget is {request.agreement:g} %"
        if beyond is not None:
            warnings.warn(
                f"After the final calibration it is {beyond}, which the calibration that chose the levels met. "
                "Give a margin, or that calibration: --calibration bias.",
                SnnconvWarning,
                stacklevel=3,
            )
        return PrecisionReport(**{**vars(self.report), "result": result})


def choose_levels(
    ann: Model,
    batches: Sequence[Tensor],
    timesteps: int,
    request: LevelsRequest,
    settings: CalibrationSettings,
    *,
    progress: Progress = no_progress,
) -> ChosenLevels:
    """Choose N of every site.

    Args:
        ann: as `plan.prepare` returns it, every site a rectifier.
        batches: normalised images `[B, ...]`.
        timesteps: T.
        request: the floor and the budget.
        settings: of the final calibration.
        progress: shows the work.

    Raises:
        InvalidValueError: no assignment meets the budget.
    """
    sites = list(iter_sites(ann.graph))
    count = sum(map(len, batches))
    second = estimated_seconds(ann, 1, 0) / 2  # of one image through the ANN
    few = evenly(batches, _affordable(SENSITIVITY_IMAGES, SENSITIVITY_S, second * len(sites) * len(request.candidates)))
    many = evenly(batches, _affordable(count, POINT_S, 6 * second))
    counted = evenly(batches, min(ENERGY_IMAGES, sum(map(len, many))))
    found = sensitivity(
        ann,
        few,
        request.candidates,
        timesteps,
        rule=Meter.method_of(settings).rule,
        by_channel=settings.ceilings == "channel",
        progress=progress,
    )
    meter = Meter(ann, many, counted, found, timesteps, settings)
    path = front(found)
    uniform = [(place,) * len(sites) for place in range(len(request.candidates))]
    places = spread(path, found, POINTS)
    wanted = list(dict.fromkeys([*(path[place] for place in places), *uniform]))
    for choice in progress(wanted, "measuring levels", len(wanted)):
        meter.measure(choice)
    choice, reason = select(request, path, uniform, places, meter)
    chosen = meter.measure(choice)
    on_path = [point for choice, point in meter.points.items() if choice in set(path)]
    report = PrecisionReport(
        request.candidates[0],
        request.candidates,
        tuple(display_name(node) for node, _ in sites),
        reason,
        tuple(sorted(on_path, key=lambda point: point.energy_pj_per_image)),
        tuple(meter.measure(choice) for choice in uniform),
        chosen,
        chosen,
        sum(map(len, many)),
        sum(map(len, few)),
        sum(map(len, counted)),
    )
    return ChosenLevels(found.levels(choice), meter, report)


def _affordable(most: int, budget_s: float, second: float) -> int:
    """How many images fit a budget, at least a few; `second` is what one takes."""
    return max(min(most, FEWEST), min(most, int(budget_s / max(second, 1e-12))))
