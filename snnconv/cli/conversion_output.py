"""The printed form of a conversion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from snnconv.cli.output import print_line, print_table

if TYPE_CHECKING:
    from torch import fx

    from snnconv.convert import CalibrationReport, CausalReport, ConversionReport
    from snnconv.convert.allocation import PrecisionPoint, PrecisionReport
    from snnconv.convert.report import DifferentialReport
    from snnconv.model import SNN

__all__ = ["applied_once", "print_conversion"]


def print_conversion(report: ConversionReport, snn: SNN, target: Path) -> None:
    """Print the report of a conversion and the place of its file.

    Args:
        report: Report of the conversion.
        snn: SNN that the conversion made.
        target: File that holds it.
    """
    check, noun = report.verification, snn.input.noun
    if report.levels_reason:
        print_line(f"Levels: N={report.total_levels} (L={report.levels}), chosen because {report.levels_reason}.")
    if report.method is not None:
        _print_method(report.method)
    if report.precision is not None:
        _print_precision(report.precision, noun)
    if report.causal is not None:
        _print_causal(report.causal, noun)
    if report.differential is not None:
        _print_differential(report.differential, noun)
    if report.coupling == "differential":
        _print_telling(report, snn)
    else:
        _print_sites(report, snn)
    same = "" if check.agreement is None else f"on {check.agreement:.0f} % of the {noun}s"
    if report.coupling == "differential":
        verdict = f"the SNN equals the messages of its neurons at every site to {check.tolerance:.0e} of a threshold"
        if same:
            verdict += f", and names the class of its {'quantized ANN' if report.code == 'uniform' else 'ANN'} {same}"
    elif report.coupling == "mean":
        verdict = f"the SNN equals its quantized ANN at every site to {check.tolerance:.0e} of the ceiling"
    else:
        verdict = "causal coupling: the SNN computes at every site what its quantized ANN does with the same input"
        if same:
            verdict = f"causal coupling: the SNN names the class of its quantized ANN {same}"
    print_line(
        f"Verified in double precision: {verdict}; largest difference of the outputs {check.logits_difference:.1e}."
    )
    if report.on_means:
        print_line(applied_once(report.on_means, snn.graph))
    print_line(f"Wrote {target} in {report.wall_s:.1f} s.")


def applied_once(names: Sequence[str], graph: fx.GraphModule) -> str:
    """Return the sentence about operators that see the average over time alone, kind by kind.

    Args:
        names: One or more of the graph's nodes, as they are named in the user's file.
        graph: Graph that holds the nodes.
    """
    from snnconv.spiking.plan import nonlinear_operators

    operators = nonlinear_operators(graph)
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(operators.get(name, "Operator"), []).append(repr(name))
    listing = "; ".join(f"{kind} {', '.join(quoted)}" for kind, quoted in kinds.items())
    return f"{listing} {'is' if len(names) == 1 else 'are'} applied once, to the average over time."


def _print_sites(report: ConversionReport, snn: SNN) -> None:
    """Print the errors of each site."""
    from snnconv.spiking.site_labels import site_labels
    from snnconv.spiking.sites import in_words

    check, noun = report.verification, snn.input.noun
    totals = in_words(site.total_levels for site in check.sites)
    window = f"N={totals}" if "mixed" in totals else f"L={report.levels}, N={totals}"
    print_table(
        f"T={report.timesteps}, {window}, {report.coupling} coupling. Calibration: "
        f"{report.calibration}. Mean absolute errors in % of the mean activation, on {check.images} {noun}s.",
        (
            "site",
            "N",
            "ceilings",
            "lowest",
            "highest",
            "clipping",
            "quantization",
            "unevenness",
            "ANN-SNN/ceiling",
        ),
        [
            (
                label,
                site.total_levels,
                site.ceilings,
                f"{site.ceiling_min:.4g}",
                f"{site.ceiling_max:.4g}",
                *(f"{100 * error:.2f}" for error in (site.clipping, site.quantization, site.unevenness)),
                f"{site.difference:.1e}",
            )
            for label, site in zip(site_labels(snn.graph), check.sites, strict=True)
        ],
    )


def _print_telling(report: ConversionReport, snn: SNN) -> None:
    """Print what each site of differential coupling has not told after T steps."""
    from snnconv.spiking.site_labels import site_labels

    check, noun = report.verification, snn.input.noun
    uniform = report.code == "uniform"
    messages = f"L={report.levels}, N={report.total_levels}" if uniform else f"K={report.octaves} octaves"
    print_table(
        f"T={report.timesteps}, {messages}, differential coupling, code {report.code}. Calibration: "
        f"{report.calibration}. Errors in % of the mean activation, on {check.images} {noun}s; unsettled: % of units "
        f"{'whose levels L cut' if uniform else 'that have more to tell'} after T steps.",
        ("site", "thresholds", "lowest", "highest", "error", "unsettled", "messages a unit", "SNN-messages/threshold"),
        [
            (
                label,
                site.thresholds,
                f"{site.threshold_min:.4g}",
                f"{site.threshold_max:.4g}",
                f"{100 * site.error:.2f}",
                f"{100 * site.unsettled:.2f}",
                f"{site.messages:.3g}",
                f"{site.difference:.1e}",
            )
            for label, site in zip(site_labels(snn.graph), check.telling, strict=True)
        ],
    )


def _print_method(method: CalibrationReport) -> None:
    why = f", chosen because {method.reason}" if method.reason else ""
    print_line(f"Calibration: {method.method}{why}.")
    if method.expected_agreement is not None:
        low, high = method.expected_agreement
        print_line(f"Expected without data: the ANN's own answer on about {low:.0f} to {high:.0f} % of real images.")
    if method.blocks:
        before, after = (
            100 * sum(getattr(block, when) for block in method.blocks) / len(method.blocks)
            for when in ("before", "after")
        )
        better = sum(block.after < block.before for block in method.blocks)
        print_line(
            f"Reconstruction: {better} of {len(method.blocks)} blocks got closer to the ANN's; mean squared error of a "
            f"block {before:.3g} -> {after:.3g} % of its variance."
        )


def _print_precision(precision: PrecisionReport, noun: str) -> None:
    points = [
        *(("mixed", point) for point in precision.front if point not in precision.uniform),
        *(("uniform", point) for point in precision.uniform),
    ]
    print_table(
        f"Levels: front of {precision.floor} to {precision.candidates[-1]} a site, measured on {precision.images} "
        f"calibration {noun}s (energy on {precision.energy_images}, unary, an estimate by operations). Errors in % of "
        "the logits' variance.",
        ("levels", "N", "mean N", f"energy pJ/{noun}", f"spikes/{noun}", "predicted error", "error", "same arg-max %"),
        [
            (
                f"{kind}, chosen" if point == precision.chosen else kind,
                point.where.removeprefix("N=").removesuffix(" (mixed)").removesuffix(" everywhere"),
                *_figures(point),
            )
            for kind, point in sorted(points, key=lambda pair: pair[1].energy_pj_per_image)
        ],
    )
    _, *figures = _figures(precision.result)
    same = "" if precision.result.agreement is None else f", {figures[-1]} % the same arg-max"
    print_line(
        f"Chosen: {precision.chosen.where}; {precision.reason}. After the final calibration: {figures[0]} pJ "
        f"(unary) and {figures[1]} spikes {'an' if noun == 'image' else 'a'} {noun}{same}."
    )


def _figures(point: PrecisionPoint) -> tuple[str, ...]:
    return (
        f"{point.mean_total_levels:.1f}",
        f"{point.energy_pj_per_image:.4g}",
        f"{point.spikes_per_image:.4g}",
        f"{100 * point.predicted_error:.3g}",
        f"{100 * point.error:.3g}",
        "-" if point.agreement is None else f"{point.agreement:.2f}",
    )


def _print_differential(differential: DifferentialReport, noun: str) -> None:
    from snnconv.convert.calibration.differential import SigmaDeltaSite
    from snnconv.spiking.sites import in_words

    sites = differential.sites
    biased = f"biases of {sum(site.bias is not None for site in sites)} of {len(sites)} sites"
    errors = [site.error if isinstance(site, SigmaDeltaSite) else site.after for site in sites]
    error = f"mean squared error of what a site tells {100 * sum(errors) / len(sites):.3g} % of its activation's"
    powers = [site for site in sites if isinstance(site, SigmaDeltaSite)]
    how = ""
    if powers:
        octaves = in_words(site.octaves for site in powers)
        started = 100 * sum(site.started for site in powers) / len(powers)
        how = f"octaves K={octaves}, {started:.0f} % of channels start from a value that their readers know, "
    print_line(f"Steps calibrated on {differential.images} {noun}s: {how}{biased}; {error}.")


def _print_causal(causal: CausalReport, noun: str) -> None:
    sites = causal.sites
    before, after = (100 * sum(getattr(site, when) for site in sites) / len(sites) for when in ("before", "after"))
    lowest, highest = min(site.initial_min for site in sites), max(site.initial_max for site in sites)
    print_line(
        f"Steps calibrated on {causal.images} {noun}s: initial potentials {lowest:.3g} to {highest:.3g} thresholds, "
        f"biases of {sum(site.bias is not None for site in sites)} of {len(sites)} sites; mean squared error of a "
        f"site's time mean {before:.3g} -> {after:.3g} % of its activation's."
    )
