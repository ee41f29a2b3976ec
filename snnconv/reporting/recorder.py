"""Running sums of one site over images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, fx, nn

from snnconv.finetune.losses import potential_loss
from snnconv.neurons import NoForm, QuantizedSite, Site, SpikingSite, capabilities_of
from snnconv.reporting.histogram import BinCounts
from snnconv.reporting.site_statistics import SiteStatistics
from snnconv.spiking.site_errors import site_errors, tracking_errors
from snnconv.spiking.sites import is_signed, total_levels_of

__all__ = ["Correlation", "Recorder"]

BINS = 96  # most bins of potentials
FINE, REACH = 12, 1.5  # bins a level, and how far beyond the outermost levels they go at least
MOST_LEVELS = 64  # most bins of levels


class Correlation:
    """Pearson's correlation of two values, and the squared error of the first one, over everything that is added."""

    def __init__(self) -> None:
        self.count = 0
        self.sums = torch.zeros(5, dtype=torch.float64)  # of x, y, x², y², x·y

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add pairs, both of the same shape."""
        x, y = x.double().flatten(), y.double().flatten()
        self.count += len(x)
        self.sums += torch.stack([x.sum(), y.sum(), x @ x, y @ y, x @ y]).cpu()

    @property
    def pearson(self) -> float | None:
        """Return Pearson's correlation; None where one of the two does not vary, or nothing was added."""
        if not self.count:
            return None
        x, y, xx, yy, xy = (self.sums / self.count).tolist()
        spread = (xx - x * x) * (yy - y * y)
        return max(-1.0, min(1.0, (xy - x * y) / math.sqrt(spread))) if spread > 0 else None

    @property
    def error(self) -> float | None:
        """Return sum (x - y)² / sum y²; None where y is 0 everywhere."""
        _, _, xx, yy, xy = self.sums.tolist()
        return max(0.0, xx + yy - 2 * xy) / yy if yy > 0 else None


class Recorder:
    """Running sums of everything that a report says of one site.

    Args:
        number: Place in the network, counted from 1.
        name: Name of the node in the file.
        node: Node of the site in the graph.
        site: A plain activation, its quantized form, or neurons.
        cap: Value at which the plain activation saturates by itself.

    Attributes:
        ann_activation: Output of the plain network's activation for the batch that comes next, `[B, ...]`, or None.
    """

    def __init__(self, number: int, name: str, node: fx.Node, site: nn.Module, *, cap: float = math.inf) -> None:
        self.number, self.name, self.site, self.cap = number, name, site, cap
        self.neurons = math.prod(node.meta["shape"])
        self.total_levels = total_levels_of(site)
        self.ann_activation: Tensor | None = None
        self.values = self.silent = self.full = 0
        self.unsettled: int | None = None
        self.spikes = self.negative = self.loss = 0.0
        self.potentials_seen = 0
        self.errors = [0.0, 0.0, 0.0, 0.0]
        self.correlation = Correlation()
        self.fired, self.potentials = _bins_of_levels(site), _bins_of_potentials(site)

    def hook(self, module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        """Watch one call; this is a forward hook."""
        if isinstance(module, SpikingSite):
            self._count_messages(module, module.messages(out))
            current, mean = module.window_value(inputs[0]), module.window_value(out)
        elif isinstance(module, QuantizedSite):
            levels = (out * module.total_levels / module.ceiling_for(out)).round()
            self._count(levels.abs(), levels.abs(), levels)
            current, mean = inputs[0], out
        else:
            self._count(out, out, None)
            self._compare(out)
            return
        self._add_errors(module, current, mean)
        self._compare(mean)

    def observe(self, u: Tensor) -> None:
        """Watch membrane potentials before they fire; this is the observer of a site."""
        assert isinstance(self.site, SpikingSite)
        assert self.potentials is not None
        self.potentials.add(u)
        if not isinstance(capabilities_of(self.site).rmp_loss, NoForm):
            self.loss += float(potential_loss(u, self.site.levels, self.site.signed)) * u.numel()
            self.potentials_seen += u.numel()

    def statistics(self) -> SiteStatistics:
        """Return the numbers of everything that was watched."""
        site, values = self.site, max(1, self.values)
        spiking, leveled = isinstance(site, SpikingSite), self.total_levels is not None
        timesteps = site.timesteps if isinstance(site, SpikingSite) else 1
        ceiling = site.ceiling if isinstance(site, Site) else None
        whole, *parts = self.errors
        octaves = site.octaves if isinstance(site, SpikingSite) else None
        known = leveled or octaves is not None
        clipping, quantization, unevenness = (part / (whole or 1.0) if known else None for part in parts)
        differential = spiking and self.unsettled is not None
        return SiteStatistics(
            number=self.number,
            name=self.name,
            neurons=self.neurons,
            levels=site.levels if isinstance(site, SpikingSite) and octaves is None else None,
            total_levels=self.total_levels,
            octaves=octaves,
            signed=is_signed(site),
            ceilings=0 if ceiling is None else ceiling.numel(),
            ceiling_min=None if ceiling is None else float(ceiling.detach().min()),
            ceiling_max=None if ceiling is None else float(ceiling.detach().max()),
            firing_rate=self.spikes / values / timesteps if spiking else None,
            taken_back=self.negative / (self.spikes or 1.0) if differential and not is_signed(site) else None,
            silent=self.silent / values,
            saturated=self.full / values if leveled else None,
            fired=None if self.fired is None else self.fired.shares(),
            potentials=None if self.potentials is None else self.potentials.shares(),
            potential_levels=_highest(site),
            potential_loss=self.loss / self.potentials_seen if self.potentials_seen else None,
            clipping=clipping,
            quantization=quantization,
            unevenness=unevenness if spiking else None,
            unsettled=None if self.unsettled is None else self.unsettled / values,
            correlation=self.correlation.pearson,
            ann_error=self.correlation.error,
        )

    def _count_messages(self, site: SpikingSite, messages: Tensor) -> None:
        """Count what neurons send, `[T, B, ...]` in units of θ: levels, or powers of two, each of which is one."""
        if site.octaves is None:
            sizes, fired = messages.abs(), messages
        else:
            exponents = torch.frexp(messages).exponent + (site.octaves - 1)  # of 2^-k: K - k
            sizes, fired = (messages != 0).to(messages.dtype), messages.sign() * exponents
        totals = sizes.sum(0)
        self.negative += float((sizes * (messages < 0)).sum(dtype=torch.float64))
        self._count(totals, totals if site.code is None else messages.sum(0).abs(), fired)

    def _count(self, totals: Tensor, reached: Tensor, levels: Tensor | None) -> None:
        """Count spikes.

        Args:
            totals: Unit spikes of each neuron, `[B, ...]`; activations where there are no levels.
            reached: Levels that each neuron has fired when the window is over, of the shape of `totals`.
            levels: Levels fired in each step, or None where there are none.
        """
        self.values += totals.numel()
        self.silent += int((totals == 0).sum())
        self.spikes += float(totals.sum(dtype=torch.float64))
        if self.total_levels is not None:
            self.full += int((reached >= self.total_levels).sum())
        if self.fired is not None and levels is not None:
            self.fired.add(levels)

    def _add_errors(self, site: Site, current: Tensor, mean: Tensor) -> None:
        unsettled = site.unsettled(current, mean) if isinstance(site, SpikingSite) else None
        if unsettled is not None:
            self.unsettled = (self.unsettled or 0) + int(unsettled.sum())
        if isinstance(site, SpikingSite) and self.total_levels is None:
            assert unsettled is not None
            limits = site.limits_for(current)
            errors = tracking_errors(current, mean, limits, unsettled, signed=site.signed, cap=self.cap)
        else:
            assert self.total_levels is not None
            errors = site_errors(
                current, mean, site.ceiling_for(current), self.total_levels, signed=site.signed, cap=self.cap
            )
        parts = (errors.activation, errors.clipping, errors.quantization, errors.unevenness)
        self.errors = [total + part for total, part in zip(self.errors, parts, strict=True)]

    def _compare(self, mean: Tensor) -> None:
        activation, self.ann_activation = self.ann_activation, None
        if activation is not None and activation.shape == mean.shape:
            self.correlation.add(mean, activation)


def _highest(site: nn.Module) -> int | None:
    """Return the highest level that the observed potentials of neurons fire; None where none are observed."""
    form = capabilities_of(site).observed_levels if isinstance(site, SpikingSite) else None
    return None if form is None or isinstance(form, NoForm) else form(site)


def _bins_of_levels(site: nn.Module) -> BinCounts | None:
    """Return a bin for each level, or for several levels where there are many; None without levels.

    Of power-of-two messages there is one for each size and sign, from -K to K.
    """
    highest = site.octaves or site.levels if isinstance(site, SpikingSite) else total_levels_of(site)
    if highest is None:
        return None
    takes_back = isinstance(site, SpikingSite) and site.code is not None
    lowest = -highest if is_signed(site) or takes_back else 0
    width = math.ceil((highest - lowest + 1) / MOST_LEVELS)
    return BinCounts(lowest - 0.5, width, math.ceil((highest - lowest + 1) / width))


def _bins_of_potentials(site: nn.Module) -> BinCounts | None:
    """Return bins that begin at the borders of levels and reach as far below 0 as above it; None without neurons."""
    highest = _highest(site)
    if highest is None:
        return None
    low = -highest - REACH
    span = round(highest + REACH - low)
    width = 1 / min(FINE, BINS // span) if span <= BINS else math.ceil(span / BINS)
    return BinCounts(low, width, math.ceil(span / width))
