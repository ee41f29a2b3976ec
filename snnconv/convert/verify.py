"""Check a spiking network against the quantized network it was made from, site by site."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from snnconv.convert.report import SiteReport, Verification
from snnconv.convert.sites import cap_of, is_rectifier, iter_sites
from snnconv.errors import InvalidValueError, ModelError, VerificationError
from snnconv.model import Model, Stage
from snnconv.neurons import QCFS, Coupling, MultiThreshold, Site, qcfs, unfold_time

__all__ = ["TOLERANCE", "verify"]

TOLERANCE = 1e-6  # of a ceiling, in double precision, under mean coupling: far below one level, far above rounding
ELEMENTS = 1 << 21  # of the largest activation of one batch, over all steps; every site is kept for comparison


@dataclass
class _Sums:
    """Running sums of one site over images."""

    activation: float = 0.0
    clipping: float = 0.0
    quantization: float = 0.0
    unevenness: float = 0.0
    difference: float = 0.0


@torch.inference_mode()
def verify(quantized: Model, snn: Model, x: Tensor, *, ann: Model | None = None) -> Verification:
    """Run both networks on the same images in double precision and compare every site.

    Args:
        quantized: the quantized ANN.
        snn: the SNN made from it.
        x: normalised images `[B, ...]`.
        ann: the network before quantization, which tells where its activations saturate by themselves.

    Returns:
        Differences and the three conversion errors (clipping, quantization, unevenness; Bu et al., ICLR 2022, section
        3) of every site.

    Raises:
        VerificationError: the networks differ under mean coupling, where they must be equal, or nothing could be
        compared. ModelError: the models are not at these stages.
        InvalidValueError: `x` holds no image.
    """
    if quantized.stage is not Stage.QUANTIZED or snn.stage is not Stage.SNN or snn.timesteps is None:
        raise ModelError(f"Compare a quantized ANN with an SNN, not {quantized.stage.value} with {snn.stage.value}.")
    if not x.shape[0]:
        raise InvalidValueError("There is no image to compare on.")
    reference, spiking = _double(quantized), _double(snn)
    caps = _caps(ann)
    sums: dict[str, _Sums] = {}
    differences, largest, same = 0.0, 0.0, 0
    for batch in torch.split(x, _batch_size(snn)):
        wanted, wanted_sites = _record(reference, batch.double())
        found, found_sites = _record(spiking, batch.double())
        for name, (site, _, quantized_out) in wanted_sites.items():
            assert isinstance(site, QCFS)
            current, spikes = (_time_mean(value, snn.timesteps) for value in found_sites[name][1:])
            _add(sums.setdefault(name, _Sums()), site, caps.get(name, math.inf), current, spikes, quantized_out)
        differences = max(differences, float((wanted - found).abs().max()))
        largest = max(largest, float(wanted.abs().max()))
        same += int((wanted.flatten(1).argmax(1) == found.flatten(1).argmax(1)).sum())
    result = _result(reference, sums, x.shape[0], differences / max(largest, 1e-300), 100 * same / x.shape[0])
    if snn.coupling is Coupling.MEAN and result.tolerance > TOLERANCE:
        worst = max(result.sites, key=lambda site: site.difference)
        raise VerificationError(
            f"The SNN differs from its quantized ANN by {worst.difference:.2g} of the ceiling at {worst.name!r}, where "
            f"at most {TOLERANCE:g} is rounding. Nothing was written; please report this network."
        )
    return result


def _double(model: Model) -> fx.GraphModule:
    return copy.deepcopy(model.graph).double()


def _batch_size(snn: Model) -> int:
    assert snn.timesteps is not None
    largest: int = max(math.prod(node.meta["shape"]) for node in snn.graph.graph.nodes if "shape" in node.meta)
    return max(1, ELEMENTS // (largest * snn.timesteps))


def _caps(ann: Model | None) -> Mapping[str, float]:
    if ann is None:
        return {}
    return {str(node.target): cap_of(site) for node, site in iter_sites(ann.graph) if is_rectifier(site)}


def _record(graph: fx.GraphModule, x: Tensor) -> tuple[Tensor, dict[str, tuple[Site, Tensor, Tensor]]]:
    """First output, and input and output of every site."""
    records: dict[str, tuple[Site, Tensor, Tensor]] = {}
    handles = []
    for node, site in iter_sites(graph):

        def keep(module: nn.Module, given: tuple[Tensor], out: Tensor, name: str = str(node.target)) -> None:
            assert isinstance(module, (QCFS, MultiThreshold))
            records[name] = (module, given[0], out)

        handles.append(site.register_forward_hook(keep))
    try:
        out = graph(x)
    finally:
        for handle in handles:
            handle.remove()
    return (out[0] if isinstance(out, tuple) else out), records


def _time_mean(x: Tensor, timesteps: int) -> Tensor:
    return unfold_time(x, timesteps).mean(0)


def _add(sums: _Sums, site: QCFS, cap: float, current: Tensor, spikes: Tensor, quantized_out: Tensor) -> None:
    """Add one batch: all three errors are taken at the mean current that the spiking site itself received."""
    ceiling = site.ceiling_for(current)
    activation = current.clamp(0, cap)
    clipped = torch.minimum(activation, ceiling)
    levels = qcfs(current, ceiling, site.total_levels)
    sums.activation += float(activation.sum())
    sums.clipping += float((activation - clipped).sum())
    sums.quantization += float((clipped - levels).abs().sum())
    sums.unevenness += float((levels - spikes).abs().sum())
    sums.difference = max(sums.difference, float(((spikes - quantized_out).abs() / ceiling).max()))


def _result(
    reference: fx.GraphModule, sums: Mapping[str, _Sums], images: int, logits: float, agreement: float
) -> Verification:
    sites = []
    for node, site in iter_sites(reference):
        found = sums[str(node.target)]
        assert isinstance(site, QCFS)
        whole = found.activation or 1.0
        sites.append(
            SiteReport(
                name=str(node.meta.get("onnx_name", node.target)),
                ceilings=site.ceiling.numel(),
                ceiling_min=float(site.ceiling.min()),
                ceiling_max=float(site.ceiling.max()),
                clipping=found.clipping / whole,
                quantization=found.quantization / whole,
                unevenness=found.unevenness / whole,
                difference=found.difference,
            )
        )
    if not sites:
        raise VerificationError("There was no site to compare.")
    worst = max(site.difference for site in sites)
    tolerance = 10.0 ** math.ceil(math.log10(max(worst, 1e-16)))
    return Verification(images, tolerance, logits, agreement, tuple(sites))
