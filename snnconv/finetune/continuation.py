"""The start of fine-tuning: the user's SNN with the neurons, T and L of the settings.

A network of multi-threshold neurons that gets another T or L starts from its quantized network, whose ceilings are
calibrated anew for N = L·T levels. A mean-coupled one that becomes LM-HT is unchanged before the first step.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from torch import Tensor, fx, nn

from snnconv.convert.calibration import calibrate
from snnconv.data.images import Images
from snnconv.errors import InvalidValueError, ModelError, SnnconvWarning
from snnconv.finetune.quantize import hold_scalars
from snnconv.finetune.settings import FinetuneSettings
from snnconv.graph.node import Refusal
from snnconv.model import SNN, QuantizedANN
from snnconv.neurons import Code, Coupling, NoForm, SpikingSite, capabilities_of, reasons_against
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import MOST_LEVELS, iter_sites, swap
from snnconv.spiking.unrolling import collapse, unroll, without_time

__all__ = ["continued", "kind_of"]

BATCH = 128
LEARNED = "lmht"  # the neuron that one of fixed coupling can become


def kind_of(site: SpikingSite) -> str:
    """Return the name of a neuron, as `--neuron` takes it.

    Raises:
        ModelError: The site has none: it was read from a NIR file, comes of a conversion alone, or its kind is not
            registered.
    """
    names = capabilities_of(site).names
    if isinstance(names, NoForm):
        raise ModelError(f"{names.reason}.")
    return names.name_of(site)


def continued(network: SNN, images: Images, settings: FinetuneSettings, *, progress: Progress = no_progress) -> SNN:
    """Return a copy of an SNN that can be trained, with the neurons, T and L that the settings ask for.

    Args:
        network: SNN, which is not changed.
        images: Images to train on; some of them calibrate ceilings where T or L changes.
        settings: Settings of the fine-tuning.
        progress: Display of the calibration.

    Raises:
        ModelError: Its sites cannot be those neurons, or cannot have another T or L.
        InvalidValueError: There are more levels than are allowed, or one step of the uniform code.

    Warns:
        SnnconvWarning: A learned coupling is lost, because it belongs to the old T.
    """
    timesteps, levels = settings.timesteps or network.timesteps, settings.levels or network.levels
    if timesteps * levels > MOST_LEVELS:
        raise InvalidValueError(f"N = L*T = {timesteps * levels} levels; at most {MOST_LEVELS} are allowed. Give less.")
    if network.code is Code.UNIFORM and timesteps == 1:
        raise InvalidValueError(
            "timesteps is 1, and the network's code is uniform: what the first step tells can be taken back by later "
            "ones only. Take --timesteps 2 or more."
        )
    if reasons := reasons_against([site for _, site in iter_sites(network.graph)], "trained"):
        raise ModelError(f"{reasons[0]}.")
    student = network.copy()
    mixed = len({site.levels for _, site in iter_sites(network.graph) if isinstance(site, SpikingSite)}) > 1
    if (timesteps, levels) != (network.timesteps, network.levels) or (mixed and settings.levels is not None):
        student = _resized(network, images, settings, timesteps, progress)
    _become(student, settings)
    for _, site in iter_sites(student.graph):
        site.get_parameter("ceiling").requires_grad_(settings.train_ceilings)
    hold_scalars(student.graph)
    return student


def _labels(sites: Iterable[SpikingSite]) -> set[str]:
    """Return the names of neurons, as `--neuron` takes them, or where it takes none those of their kinds in files."""
    kinds = [(site, capabilities_of(site)) for site in sites]
    return {kind.written_as if isinstance(kind.names, NoForm) else kind.names.name_of(site) for site, kind in kinds}


def _resized(network: SNN, images: Images, settings: FinetuneSettings, timesteps: int, progress: Progress) -> SNN:
    """Return the same network at another T or L; where L is not asked for, each site keeps its own."""
    if network.input.timesteps is not None:
        raise InvalidValueError(
            f"The network takes {network.input.timesteps} frames a sample, so it stays at T={network.timesteps}, "
            f"L={network.levels}: leave --timesteps and --levels out."
        )
    sites = {str(node.target): site for node, site in iter_sites(network.graph) if isinstance(site, SpikingSite)}
    fixed_levels = reasons_against([*sites.values()], "other_levels")
    if fixed_levels and settings.levels not in (None, network.levels):
        kinds = ", ".join(sorted(_labels(sites.values())))
        if network.code is Code.POWER_OF_TWO:
            raise ModelError(f"The neurons of this file ({kinds}): {fixed_levels[0]}. Leave --levels out.")
        raise ModelError(
            f"The neurons of this file ({kinds}) keep their {network.levels} levels: {fixed_levels[0]}. Leave --levels "
            "out."
        )
    capability = "other_timesteps" if fixed_levels else "other_levels"
    if reasons := reasons_against([*sites.values()], capability):
        raise ModelError(f"The neurons of this file keep their T={network.timesteps} steps: {reasons[0]}.")
    one_frame = without_time(network)
    if not fixed_levels:
        one_frame = _recalibrated(network, collapse(network), sites, images, settings, timesteps, progress)

    def neuron(node: fx.Node, site: nn.Module) -> SpikingSite:
        resized: SpikingSite = getattr(capabilities_of(sites[str(node.target)]), capability)(
            sites[str(node.target)], site, timesteps
        )
        return resized

    return unroll(one_frame, neuron)


def _recalibrated(
    network: SNN,
    quantized: QuantizedANN,
    sites: dict[str, SpikingSite],
    images: Images,
    settings: FinetuneSettings,
    timesteps: int,
    progress: Progress,
) -> QuantizedANN:
    """Return the quantized network with ceilings calibrated for the N = L·T levels that are asked for."""
    if timesteps != network.timesteps and network.coupling is Coupling.LEARNED:
        warnings.warn(
            f"The learned coupling and leak belong to T={network.timesteps}; at T={timesteps} they start anew.",
            SnnconvWarning,
            stacklevel=5,
        )
    sample = images.sample(min(settings.calibration_images, len(images)), settings.seed)
    batches: list[Tensor] = [x for x, _ in sample.batches(BATCH)]
    totals = {name: timesteps * (settings.levels or site.levels) for name, site in sites.items()}
    return calibrate(quantized, batches, totals, anew=network, progress=progress)


def _become(student: SNN, settings: FinetuneSettings) -> None:
    """Give the sites the neurons that are asked for, in place."""
    sites = [site for _, site in iter_sites(student.graph) if isinstance(site, SpikingSite)]
    kinds = _labels(sites)
    refusal = _why_not_lmht(sites)
    target = settings.neuron or (LEARNED if refusal is None else None)
    if target is not None and kinds != {target}:
        if target != LEARNED or refusal is not None:
            raise ModelError(_why_not(kinds, target, student.coupling, refusal))
        _to_lmht(student, mpr=settings.mpr)
        return
    if not settings.mpr:
        return
    if reasons := reasons_against(sites, "mpr"):
        raise ModelError(f"The neurons of this file cannot be trained so: {reasons[0]}. Leave --mpr out.")
    for site in sites:
        turn_on = capabilities_of(site).mpr
        assert not isinstance(turn_on, NoForm)
        turn_on(site)


def _why_not_lmht(sites: list[SpikingSite]) -> str | None:
    """Return why these sites cannot become LM-HT; None where they can."""
    if reasons := reasons_against(sites, "become_lmht"):
        return reasons[0]
    for site in sites:
        become = capabilities_of(site).become_lmht
        assert not isinstance(become, NoForm)
        try:
            become(site, False)
        except Refusal as reason:
            return str(reason)
    return None


def _why_not(kinds: set[str], target: str, coupling: Coupling | None, refusal: str | None) -> str:
    reason = refusal if target == LEARNED and refusal is not None else "only mean-coupled mht can become lmht"
    return (
        f"The network's neurons are {', '.join(sorted(kinds))} ({coupling} coupling) and cannot become {target}: "
        f"{reason}. Leave --neuron out to continue it as it is, or train one from scratch with "
        f"`snnconv train --neuron {target}`."
    )


def _to_lmht(network: SNN, *, mpr: bool) -> None:
    """Turn neurons into LM-HT at its start, which computes the same, in place."""
    for node, site in list(iter_sites(network.graph)):
        become = capabilities_of(site).become_lmht
        assert not isinstance(become, NoForm)
        swap(network.graph, node, become(site, mpr))
