"""What fine-tuning starts from: the SNN that was given, with the neurons, T and L that are asked for.

A network of multi-threshold neurons that gets another T or L starts from its quantized network, whose ceilings are
calibrated anew for N = L·T levels. A mean-coupled one that becomes LM-HT is unchanged before the first step.
"""

from __future__ import annotations

import copy
import warnings

from torch import Tensor, fx, nn

from snnconv.convert.calibration import calibrate
from snnconv.data.images import Images
from snnconv.errors import InvalidValueError, ModelError, SnnconvWarning
from snnconv.finetune.quantize import hold_scalars
from snnconv.finetune.settings import FinetuneSettings
from snnconv.model import SNN
from snnconv.neurons import (
    Coupling,
    IntegrateAndFire,
    Leaky,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    NeuronSettings,
    SpikingSite,
    build_neuron,
)
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import MOST_LEVELS, iter_sites, swap
from snnconv.spiking.unrolling import collapse, spike, unroll

__all__ = ["continued", "kind_of"]

BATCH = 128


def kind_of(site: SpikingSite) -> str:
    """The name of a neuron, as `--neuron` takes it.

    Raises:
        ModelError: it has none, because it was read from a NIR file and is not trained.
    """
    if isinstance(site, IntegrateAndFire):
        raise ModelError(
            "The neurons of a NIR file are run, not trained: fine-tune the network that the file was written from."
        )
    if isinstance(site, Leaky):
        return "if" if site.decay == 1 else "lif"
    names: dict[type[SpikingSite], str] = {MultiThreshold: "mht", LearnableMultiThreshold: "lmht", MultiLevel: "mlf"}
    return names[type(site)]


def continued(network: SNN, images: Images, settings: FinetuneSettings, *, progress: Progress = no_progress) -> SNN:
    """A copy of an SNN that can be trained, with the neurons, T and L that the settings ask for.

    Raises:
        ModelError: its sites cannot be those neurons, or cannot have another T or L.

    Warns:
        SnnconvWarning: a learned coupling is lost, because it belongs to the old T.
    """
    timesteps, levels = settings.timesteps or network.timesteps, settings.levels or network.levels
    if timesteps * levels > MOST_LEVELS:
        raise InvalidValueError(f"N = L*T = {timesteps * levels} levels; at most {MOST_LEVELS} are allowed. Give less.")
    for _, site in iter_sites(network.graph):
        if isinstance(site, SpikingSite):
            kind_of(site)
    student = network.copy()
    mixed = len({site.levels for _, site in iter_sites(network.graph) if isinstance(site, SpikingSite)}) > 1
    if (timesteps, levels) != (network.timesteps, network.levels) or (mixed and settings.levels is not None):
        student = _resized(network, images, settings, timesteps, progress)
    _become(student, settings)
    for _, site in iter_sites(student.graph):
        site.get_parameter("ceiling").requires_grad_(settings.train_ceilings)
    hold_scalars(student.graph)
    return student


def _resized(network: SNN, images: Images, settings: FinetuneSettings, timesteps: int, progress: Progress) -> SNN:
    """The same network at another T or L; where L is not asked for, each site keeps its own."""
    if network.input.timesteps is not None:
        raise InvalidValueError(
            f"The network takes {network.input.timesteps} frames a sample, so it stays at T={network.timesteps}, "
            f"L={network.levels}: leave --timesteps and --levels out."
        )
    sites = {str(node.target): site for node, site in iter_sites(network.graph) if isinstance(site, SpikingSite)}
    multithreshold = all(isinstance(site, (MultiThreshold, LearnableMultiThreshold)) for site in sites.values())
    if not multithreshold:
        if settings.levels not in (None, network.levels):
            kinds = ", ".join(sorted({kind_of(site) for site in sites.values()}))
            raise ModelError(
                f"The neurons of this file ({kinds}) keep their {network.levels} levels: only mht and lmht can be "
                "calibrated for others. Leave --levels out."
            )
        return _with_timesteps(network, sites, timesteps)
    if timesteps != network.timesteps and network.coupling is Coupling.LEARNED:
        warnings.warn(
            f"The learned coupling and leak belong to T={network.timesteps}; at T={timesteps} they start anew.",
            SnnconvWarning,
            stacklevel=4,
        )
    sample = images.sample(min(settings.calibration_images, len(images)), settings.seed)
    batches: list[Tensor] = [x for x, _ in sample.batches(BATCH)]
    totals = {name: timesteps * (settings.levels or site.levels) for name, site in sites.items()}
    quantized = calibrate(collapse(network), batches, totals, anew=network, progress=progress)
    coupling = Coupling.CAUSAL if network.coupling is Coupling.CAUSAL else Coupling.MEAN
    resized = spike(quantized, timesteps, coupling=coupling)
    if network.coupling is Coupling.LEARNED:
        _to_learnable(resized, mpr=False)
        if timesteps == network.timesteps:
            _keep_coupling(resized, sites)
    for node, site in iter_sites(resized.graph):
        old = sites[str(node.target)]
        assert isinstance(site, (MultiThreshold, LearnableMultiThreshold))
        assert isinstance(old, (MultiThreshold, LearnableMultiThreshold))
        site.rectified = old.rectified
    return resized


def _with_timesteps(network: SNN, sites: dict[str, SpikingSite], timesteps: int) -> SNN:
    def neuron(node: fx.Node, _: nn.Module) -> SpikingSite:
        made = copy.deepcopy(sites[str(node.target)])
        made.timesteps = timesteps
        return made

    return unroll(collapse(network), neuron)


def _keep_coupling(network: SNN, sites: dict[str, SpikingSite]) -> None:
    for node, site in iter_sites(network.graph):
        old = sites[str(node.target)]
        assert isinstance(site, LearnableMultiThreshold)
        assert isinstance(old, LearnableMultiThreshold)
        site.mixing.data.copy_(old.mixing.data)
        site.leakage.data.copy_(old.leakage.data)


def _become(student: SNN, settings: FinetuneSettings) -> None:
    """Give the sites the neurons that are asked for, in place."""
    sites = [site for _, site in iter_sites(student.graph) if isinstance(site, SpikingSite)]
    own = {kind_of(site) for site in sites}
    wanted = settings.neuron or ("lmht" if own == {"mht"} and student.coupling is Coupling.MEAN else None)
    if wanted is not None and own != {wanted}:
        if not (wanted == "lmht" and own == {"mht"} and student.coupling is Coupling.MEAN):
            raise ModelError(_why_not(own, wanted, student.coupling))
        _to_learnable(student, mpr=settings.mpr)
        return
    if not settings.mpr:
        return
    for site in sites:
        if isinstance(site, MultiLevel):
            raise ModelError("MPR is of neurons with one membrane; MLF neurons have several. Leave --mpr out.")
        assert isinstance(site, (Leaky, MultiThreshold, LearnableMultiThreshold))
        site.rectified = True


def _why_not(own: set[str], wanted: str, coupling: Coupling | None) -> str:
    having = ", ".join(sorted(own))
    if wanted == "lmht" and own == {"mht"}:
        return (
            "The network is causally coupled, and LM-HT's coupling starts as the mean of the window: continue it as it "
            "is with --neuron mht, or convert with --coupling mean."
        )
    return (
        f"The network's neurons are {having} ({coupling} coupling) and cannot become {wanted}: only mean-coupled mht "
        "can become lmht. Leave --neuron out to continue it as it is, or train one from scratch with "
        f"`snnconv train --neuron {wanted}`."
    )


def _to_learnable(network: SNN, *, mpr: bool) -> None:
    """M-HT under mean coupling to LM-HT at its start, which computes the same."""
    for node, site in list(iter_sites(network.graph)):
        assert isinstance(site, MultiThreshold)
        settings = NeuronSettings("lmht", network.timesteps, site.levels, mpr=mpr)
        made = build_neuron(settings, site.ceiling, signed=site.signed, channel_axis=site.channel_axis)
        assert isinstance(made, LearnableMultiThreshold)
        made.rectified = mpr or site.rectified
        swap(network.graph, node, made)
