"""Inputs and outputs of all sites in one run of a network, and checks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, fx, nn

from snnconv.convert.site_comparison import largest_magnitude
from snnconv.errors import VerificationError
from snnconv.graph.access import display_name
from snnconv.graph.hooks import hooked
from snnconv.model import Model
from snnconv.neurons import QuantizedSite, Site, SpikingSite
from snnconv.spiking.sites import iter_sites

__all__ = ["OutputDifference", "Record", "Sites", "record_sites", "require_finite"]

Sites: TypeAlias = dict[str, tuple[Site, Tensor, Tensor]]  # by name: the module, its input and its output
Record: TypeAlias = tuple[tuple[Tensor, ...], Sites]  # the outputs of a run, and its sites


@dataclass
class OutputDifference:
    """Running comparison of outputs: largest difference and largest magnitude."""

    difference: float = 0.0
    magnitude: float = 0.0

    def add(self, outputs: Sequence[Tensor], references: Sequence[Tensor]) -> None:
        for output, reference in zip(outputs, references, strict=False):  # steps follow the time means
            self.difference = max(self.difference, largest_magnitude(output - reference))
            self.magnitude = max(self.magnitude, largest_magnitude(reference))

    @property
    def relative(self) -> float:
        return self.difference / self.magnitude if self.magnitude else self.difference


def record_sites(graph: fx.GraphModule, x: Tensor, replaced: Mapping[str, Tensor] | None = None) -> Record:
    """Run a graph; what comes after a site gets `replaced`, where there is such, for the site's output."""
    records: Sites = {}

    def keep(module: nn.Module, inputs: tuple[Tensor], out: Tensor, name: str) -> Tensor:
        assert isinstance(module, (QuantizedSite, SpikingSite))
        records[name] = (module, inputs[0], out)
        return out if replaced is None else replaced[name]

    with hooked((site, partial(keep, name=str(node.target))) for node, site in iter_sites(graph)):
        out = graph(x)
    return (out if isinstance(out, tuple) else (out,)), records


def require_finite(model: Model, record: Record) -> Record:
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
