"""Check a spiking network against the quantized network it was made from, site by site.

Each part of the quantized ANN is given what the same part of the SNN was given: the time means of the spikes before it.
Then the currents must be the same and, under mean coupling, so must the activations; a level that one rounding error
turned over somewhere cannot pass for a difference of what comes after it, nor hide one. The SNN also runs in its own
precision, in which currents and outputs may overflow that are finite in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.cost import forward_seconds
from snnconv.convert.report import Verification
from snnconv.convert.site_comparison import TOLERANCE, SiteComparison, site_report
from snnconv.convert.site_records import OutputDifference, record_sites, require_finite
from snnconv.data.opening import DataLike, as_images
from snnconv.errors import InvalidValueError, ModelError, VerificationError
from snnconv.graph.access import display_name, module_of, operands, samples_kept_within, samples_within
from snnconv.graph.precision import to_double
from snnconv.loading import ModelLike, load
from snnconv.model import SNN, Model, QuantizedANN, class_count, rows_of
from snnconv.neurons import Coupling, QuantizedSite, unfold_time
from snnconv.spiking.sites import cap_of, is_rectifier, iter_sites
from snnconv.spiking.temporal import bends

__all__ = ["TOLERANCE", "affordable_images", "verify"]

FEWEST_IMAGES, MOST_IMAGES = 4, 32  # to verify on, as many as are estimated to take no longer than VERIFICATION_S
VERIFICATION_S, DOUBLE = 6.0, 3.0  # in double precision work takes so many times as long as `forward_seconds` says
ELEMENTS, KEPT = 1 << 21, 1 << 26  # of the largest activation of one batch, and of all that are kept, over all steps


def affordable_images(ann: Model, timesteps: int) -> int:
    """Return how many images a conversion is verified on: `verify` takes a few seconds for them.

    Args:
        ann: Network that is converted.
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
            the same biases, which `calibrate_causal` returns beside it; the effect of other initial potentials counts
            as unevenness.
        x: Samples `[n, ...]` as the network takes them, or data in any other form that `convert` takes.
        ann: Network before quantization, which knows where its activations saturate by themselves.

    Returns:
        Differences and the three conversion errors (clipping, quantization, unevenness; Bu et al., ICLR 2022, section
        3) of every site.

    Raises:
        VerificationError: The networks differ where they must be equal, in what their linear operators compute, or
            under mean coupling in any activation; a site or an output is infinite or not a number; or nothing could be
            compared.
        ModelError: The models are not at these stages, or the SNN's input changes over time.
        InvalidValueError: `x` holds no image.
    """
    with torch.inference_mode(False):
        quantized, snn = _comparable(load(quantized), load(snn))
        ann = None if ann is None else load(ann)
    if not isinstance(x, Tensor) or not x.is_floating_point():
        images = as_images(x, quantized.input, "calibration", name="x")
        x = torch.cat([batch for batch, _ in images.batches(len(images))])
    if not x.shape[0]:
        raise InvalidValueError("There is no image to compare on.")
    comparison = _Comparison(quantized, snn, ann)
    limit = samples_kept_within(snn.graph, KEPT, snn.timesteps)
    for part in torch.split(x, min(limit, samples_within(snn.graph, ELEMENTS, snn.timesteps))):
        comparison.add(part)
    comparison.require_equal()
    return comparison.result(x.shape[0])


def _comparable(quantized: Model, snn: Model) -> tuple[QuantizedANN, SNN]:
    """Return the two networks by their types, or refuse what cannot be compared."""
    if not isinstance(quantized, QuantizedANN) or not isinstance(snn, SNN):
        raise ModelError(f"Compare a quantized ANN with an SNN, not {quantized.stage.value} with {snn.stage.value}.")
    if snn.input.timesteps is not None:
        raise ModelError(
            f"The SNN's input changes over time ({snn.input.timesteps} frames a sample): no quantized ANN, which takes "
            "one still input, equals it, so there is nothing to compare."
        )
    return quantized, snn


class _Comparison:
    """Running comparison of two networks over batches of images.

    Args:
        quantized: The quantized ANN.
        snn: The SNN made from it.
        ann: Network before quantization, or None.
    """

    def __init__(self, quantized: QuantizedANN, snn: SNN, ann: Model | None) -> None:
        self.quantized, self.snn = quantized, snn
        self.reference, self.spiking = to_double(quantized.graph), to_double(snn.graph)
        self.dtype = next(snn.graph.parameters()).dtype
        self.caps = _caps(ann)
        self.sums = {name: SiteComparison() for name in _same_sites(self.reference, self.spiking)}
        self.whole, self.read_out = OutputDifference(), OutputDifference()
        self.same: int | None = None  # samples of the same class; None where the first output names none

    def add(self, x: Tensor) -> None:
        """Compare on one batch of images."""
        batch, timesteps = x.double(), self.snn.timesteps
        require_finite(self.snn, record_sites(self.snn.graph, x.to(self.dtype)))
        outputs, spiking_sites = require_finite(self.snn, record_sites(self.spiking, batch))
        references, _ = require_finite(self.quantized, record_sites(self.reference, batch))
        means = {name: _time_mean(out, timesteps) for name, (_, _, out) in spiking_sites.items()}
        read_out, quantized_sites = record_sites(self.reference, batch, means)
        for name, (site, current, _) in quantized_sites.items():
            assert isinstance(site, QuantizedSite)
            received = _time_mean(spiking_sites[name][1], timesteps)
            self.sums[name].add(site, self.caps.get(name, math.inf), received, means[name], current)
        self.whole.add(outputs[:1], references[:1])
        self.read_out.add(outputs, read_out)
        if class_count(references[0].shape[1:]) is not None:
            self.same = (self.same or 0) + int(
                (rows_of(references[0]).argmax(1) == rows_of(outputs[0]).argmax(1)).sum()
            )

    def require_equal(self) -> None:
        """Refuse networks that differ by more than rounding."""
        for node, _ in iter_sites(self.reference):
            difference = self._site_difference(node)
            if not difference <= TOLERANCE:
                raise VerificationError(
                    f"The SNN differs from its quantized ANN by {difference:.2g} of the ceiling at "
                    f"{display_name(node)!r}, where at most {TOLERANCE:g} is rounding. Nothing was written; please "
                    "report this network."
                )
        if not self.read_out.relative <= TOLERANCE:
            raise VerificationError(
                f"The SNN's outputs differ from its quantized ANN's by {self.read_out.relative:.2g} of the largest, "
                f"where at most {TOLERANCE:g} is rounding. Nothing was written; please report this network."
            )

    def _site_difference(self, node: fx.Node) -> float:
        """Return the largest difference of a site that counts under the SNN's coupling."""
        sums = self.sums[str(node.target)]
        if self.snn.coupling is Coupling.MEAN:
            return max(sums.current, sums.difference)
        source = operands(node)[0]
        if source.op == "call_module" and bends(module_of(self.reference, source)) and math.isfinite(sums.current):
            return 0.0  # the maximum of each step's currents is not the maximum of their means: unevenness, no fault
        return sums.current

    def result(self, images: int) -> Verification:
        """Return the comparison on so many images."""
        sites = []
        for node, site in iter_sites(self.reference):
            assert isinstance(site, QuantizedSite)
            sites.append(site_report(display_name(node), site, self.sums[str(node.target)]))
        tolerance = 10.0 ** math.ceil(math.log10(max(1e-16, *(site.difference for site in sites))))
        agreement = None if self.same is None else 100 * self.same / images
        return Verification(images, tolerance, self.whole.relative, agreement, tuple(sites))


def _same_sites(reference: fx.GraphModule, spiking: fx.GraphModule) -> set[str]:
    """Return the names of the sites, which must be the same in both networks."""
    quantized, fired = ({str(node.target) for node, _ in iter_sites(graph)} for graph in (reference, spiking))
    if not quantized:
        raise VerificationError("There was no site to compare.")
    if quantized != fired:
        raise VerificationError(
            f"One network has sites that the other has not: {', '.join(sorted(quantized ^ fired))}."
        )
    return quantized


def _caps(ann: Model | None) -> Mapping[str, float]:
    """Return where each activation of the ANN saturates, by the names of the sites' modules."""
    if ann is None:
        return {}
    return {str(node.target): cap_of(site) for node, site in iter_sites(ann.graph) if is_rectifier(site)}


def _time_mean(x: Tensor, timesteps: int) -> Tensor:
    return unfold_time(x, timesteps).mean(0)
