"""Check a spiking network against the quantized network it was made from, site by site.

Each part of the quantized ANN is given what the same part of the SNN was given: the time means of the spikes before it.
Then the currents must be the same and, under mean coupling, so must the activations; a level that one rounding error
turned over somewhere cannot pass for a difference of what comes after it, nor hide one. The SNN also runs in its own
precision, in which currents and outputs may overflow that are finite in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.cost import forward_seconds
from snnconv.convert.report import SiteReport, Verification
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import InvalidValueError, ModelError, VerificationError
from snnconv.graph.access import display_name, module_of, operands
from snnconv.graph.precision import to_double
from snnconv.loading import ModelLike, load
from snnconv.model import SNN, Model, QuantizedANN, rows_of
from snnconv.neurons import Coupling, QuantizedSite, Site, SpikingSite, unfold_time
from snnconv.neurons.qcfs import qcfs
from snnconv.spiking.site_errors import site_errors
from snnconv.spiking.sites import cap_of, is_rectifier, iter_sites
from snnconv.spiking.temporal import bends

__all__ = ["TOLERANCE", "affordable_images", "verify"]

TOLERANCE = 1e-6  # of a ceiling, in double precision, under mean coupling: far below one level, far above rounding
FEWEST_IMAGES, MOST_IMAGES = 4, 32  # to verify on, as many as are estimated to take no longer than VERIFICATION_S
VERIFICATION_S, DOUBLE = 6.0, 3.0  # in double precision work takes so many times as long as `forward_seconds` says
ELEMENTS = 1 << 21  # of the largest activation of one batch, over all steps; every site is kept for comparison


_Record: TypeAlias = tuple[tuple[Tensor, ...], dict[str, tuple[Site, Tensor, Tensor]]]  # see _record


@dataclass
class _Sums:
    """Running sums of one site over images."""

    activation: float = 0.0
    clipping: float = 0.0
    quantization: float = 0.0
    unevenness: float = 0.0
    difference: float = 0.0
    current: float = 0.0


def affordable_images(ann: Model, timesteps: int) -> int:
    """Return how many images a conversion is verified on: `verify` takes a few seconds for them.

    Args:
        ann: what is converted.
        timesteps: T; an image takes one pass of T steps and two of the quantized ANN.
    """
    seconds = DOUBLE * (timesteps + 2) * forward_seconds(ann)
    return max(FEWEST_IMAGES, min(MOST_IMAGES, int(VERIFICATION_S / seconds)))


@torch.inference_mode()
def verify(quantized: ModelLike, snn: ModelLike, x: DataLike, *, ann: ModelLike | None = None) -> Verification:
    """Run both networks on the same images in double precision and compare every site.

    Args:
        quantized: Quantized ANN, in any form that `load` takes.
        snn: SNN made from it. One whose biases were moved to suit its steps is compared with the quantized ANN of
            the same biases, which `calibrate_causal` returns beside it; what other initial potentials change counts as
            unevenness.
        x: Samples `[n, ...]` as the network takes them, or data in any other form that `convert` takes.
        ann: Network before quantization, which tells where its activations saturate by themselves.

    Returns:
        Differences and the three conversion errors (clipping, quantization, unevenness; Bu et al., ICLR 2022, section
        3) of every site.

    Raises:
        VerificationError: the networks differ where they must be equal, in what their linear operators compute, or
            under mean coupling in any activation; a site or an output is infinite or not a number; or nothing could be
            compared.
        ModelError: the models are not at these stages, or the SNN's input changes over time.
        InvalidValueError: `x` holds no image.
    """
    with torch.inference_mode(False):
        quantized, snn = load(quantized), load(snn)
        ann = None if ann is None else load(ann)
    if not isinstance(quantized, QuantizedANN) or not isinstance(snn, SNN):
        raise ModelError(f"Compare a quantized ANN with an SNN, not {quantized.stage.value} with {snn.stage.value}.")
    if snn.input.timesteps is not None:
        raise ModelError(
            f"The SNN's input changes over time ({snn.input.timesteps} frames a sample): no quantized ANN, which takes "
            "one still input, equals it, so there is nothing to compare."
        )
    if not isinstance(x, Tensor) or not x.is_floating_point():
        images = as_images(x, quantized.input, "calibration", name="x")
        x = torch.cat([batch for batch, _ in images.batches(len(images))])
    if not x.shape[0]:
        raise InvalidValueError("There is no image to compare on.")
    reference, spiking = to_double(quantized.graph), to_double(snn.graph)
    precision = next(snn.graph.parameters()).dtype
    caps = _caps(ann)
    sums = _same_sites(reference, spiking)
    whole, read_out = _Outputs(), _Outputs()
    same = 0
    for part in torch.split(x, _batch_size(snn)):
        batch = part.double()
        _finite(snn, _record(snn.graph, part.to(precision)))
        found, found_sites = _finite(snn, _record(spiking, batch))
        wanted, _ = _finite(quantized, _record(reference, batch))
        means = {name: _time_mean(out, snn.timesteps) for name, (_, _, out) in found_sites.items()}
        given, wanted_sites = _record(reference, batch, means)
        for name, (site, current, _) in wanted_sites.items():
            assert isinstance(site, QuantizedSite)
            received = _time_mean(found_sites[name][1], snn.timesteps)
            _add(sums[name], site, caps.get(name, math.inf), received, means[name], current)
        whole.compare(found[:1], wanted[:1])
        read_out.compare(found, given)
        same += int((rows_of(wanted[0]).argmax(1) == rows_of(found[0]).argmax(1)).sum())
    _require_equal(reference, sums, read_out, snn.coupling)
    return _result(reference, sums, x.shape[0], whole.relative, 100 * same / x.shape[0])


@dataclass
class _Outputs:
    """Running comparison of outputs: largest difference and largest magnitude."""

    difference: float = 0.0
    magnitude: float = 0.0

    def compare(self, found: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        for mine, reference in zip(found, wanted, strict=False):  # steps follow the time means
            self.difference = max(self.difference, _largest(mine - reference))
            self.magnitude = max(self.magnitude, _largest(reference))

    @property
    def relative(self) -> float:
        return self.difference / self.magnitude if self.magnitude else self.difference


def _same_sites(reference: fx.GraphModule, spiking: fx.GraphModule) -> dict[str, _Sums]:
    """A place for the sums of each site; the two networks must have the same."""
    wanted, found = ({str(node.target) for node, _ in iter_sites(graph)} for graph in (reference, spiking))
    if not wanted:
        raise VerificationError("There was no site to compare.")
    if wanted != found:
        raise VerificationError(f"One network has sites that the other has not: {', '.join(sorted(wanted ^ found))}.")
    return {name: _Sums() for name in wanted}


def _finite(model: Model, record: _Record) -> _Record:
    """Return the record, unless a value of a site or an output is infinite or NaN, which comparisons may pass over."""
    outputs, sites = record
    places: list[tuple[str, tuple[Tensor, ...]]] = []
    for node, _ in iter_sites(model.graph):
        _, current, fired = sites[str(node.target)]
        places.append((display_name(node), (current, fired)))
    places += [(name, (out,)) for name, out in zip(model.outputs, outputs, strict=False)]  # steps follow the time means
    for name, tensors in places:
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            raise VerificationError(
                f"{name!r} is infinite or not a number on the images that were compared. Nothing was written. Check "
                "the images' normalisation (--mean, --std) and the network's weights: single precision holds numbers "
                "up to 3.4e38."
            )
    return record


def _require_equal(
    reference: fx.GraphModule, sums: Mapping[str, _Sums], read_out: _Outputs, coupling: Coupling | None
) -> None:
    """Refuse networks that differ by more than rounding."""
    for node, _ in iter_sites(reference):
        found = sums[str(node.target)]
        if coupling is Coupling.MEAN:
            worst = max(found.current, found.difference)
        else:  # the maximum of each step's currents is not the maximum of their means: unevenness, not a fault
            bent = _bends(reference, operands(node)[0])
            worst = 0.0 if bent and math.isfinite(found.current) else found.current
        if not worst <= TOLERANCE:
            raise VerificationError(
                f"The SNN differs from its quantized ANN by {worst:.2g} of the ceiling at {display_name(node)!r}, "
                f"where at most {TOLERANCE:g} is rounding. Nothing was written; please report this network."
            )
    if not read_out.relative <= TOLERANCE:
        raise VerificationError(
            f"The SNN's outputs differ from its quantized ANN's by {read_out.relative:.2g} of the largest, where at "
            f"most {TOLERANCE:g} is rounding. Nothing was written; please report this network."
        )


def _bends(graph: fx.GraphModule, node: fx.Node) -> bool:
    return node.op == "call_module" and bends(module_of(graph, node))


def _largest(x: Tensor) -> float:
    """Largest magnitude; infinity where there is a NaN, which no comparison would notice."""
    value = float(x.abs().max())
    return math.inf if math.isnan(value) else value


def _tensors(out: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return out if isinstance(out, tuple) else (out,)


def _batch_size(snn: SNN) -> int:
    largest: int = max(math.prod(node.meta["shape"]) for node in snn.graph.graph.nodes if "shape" in node.meta)
    return max(1, ELEMENTS // (largest * snn.timesteps))


def _caps(ann: Model | None) -> Mapping[str, float]:
    if ann is None:
        return {}
    return {str(node.target): cap_of(site) for node, site in iter_sites(ann.graph) if is_rectifier(site)}


def _record(graph: fx.GraphModule, x: Tensor, replaced: Mapping[str, Tensor] | None = None) -> _Record:
    """Outputs, and input and output of every site; what comes after a site gets `replaced` for its output."""
    records: dict[str, tuple[Site, Tensor, Tensor]] = {}
    handles = []
    for node, site in iter_sites(graph):

        def keep(module: nn.Module, given: tuple[Tensor], out: Tensor, name: str = str(node.target)) -> Tensor:
            assert isinstance(module, (QuantizedSite, SpikingSite))
            records[name] = (module, given[0], out)
            return out if replaced is None else replaced[name]

        handles.append(site.register_forward_hook(keep))
    try:
        return _tensors(graph(x)), records
    finally:
        for handle in handles:
            handle.remove()


def _time_mean(x: Tensor, timesteps: int) -> Tensor:
    return unfold_time(x, timesteps).mean(0)


def _add(sums: _Sums, site: QuantizedSite, cap: float, current: Tensor, spikes: Tensor, wanted: Tensor) -> None:
    """Add one batch: all three errors are taken at the mean current that the spiking site itself received.

    `wanted` is the current of the quantized site. Where it lies on the edge of two levels, either is right.
    """
    ceiling = site.ceiling_for(current)
    found = site_errors(current, spikes, ceiling, site.total_levels, signed=site.signed, cap=cap)
    sums.activation += found.activation
    sums.clipping += found.clipping
    sums.quantization += found.quantization
    sums.unevenness += found.unevenness
    edges = (qcfs(wanted + side * TOLERANCE * ceiling, ceiling, site.total_levels, site.signed) for side in (-1, 1))
    difference = torch.stack([(spikes - edge).abs() for edge in edges]).amin(0)
    sums.difference = max(sums.difference, _largest(difference / ceiling))
    sums.current = max(sums.current, _largest((current - wanted) / ceiling))


def _result(
    reference: fx.GraphModule, sums: Mapping[str, _Sums], images: int, logits: float, agreement: float
) -> Verification:
    sites = []
    for node, site in iter_sites(reference):
        found = sums[str(node.target)]
        assert isinstance(site, QuantizedSite)
        whole = found.activation or 1.0
        sites.append(
            SiteReport(
                name=display_name(node),
                total_levels=site.total_levels,
                ceilings=site.ceiling.numel(),
                ceiling_min=float(site.ceiling.min()),
                ceiling_max=float(site.ceiling.max()),
                clipping=found.clipping / whole,
                quantization=found.quantization / whole,
                unevenness=found.unevenness / whole,
                difference=found.difference,
            )
        )
    worst = max(site.difference for site in sites)
    tolerance = 10.0 ** math.ceil(math.log10(max(worst, 1e-16)))
    return Verification(images, tolerance, logits, agreement, tuple(sites))
