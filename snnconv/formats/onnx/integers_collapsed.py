r"""A quantized network in 8-bit integers, in one pass.

A QCFS activation of N <= 255 levels *is* an unsigned 8-bit integer with zero point 0 and scale λ/N. Between two sites

    k' = clip(round(a), 0, N),   a = z/(λ'/N'),   z = sum_i w_i·(λ_i/N)·k_i + b

is computed on the levels k (derived):

* Where a convolution is all that stands between, both scales go into its weights, `w·(λ_i/N)/(λ'_o/N')`, and z/(λ'/N')
  is rounded as it leaves the convolution.
* Where another site's output is added behind the convolution (a residual block), that lies within 0..λ'', so that only
  convolution outputs within -λ''..λ' matter: a window, of which one step is at most a third of a level (`FINE`).

Levels, and so activations, are exact: weights are rounded to 8 bits a channel, biases to 32, and what is added to a
residual to a third of a level at most. Rounding is to the nearest even level where QCFS rounds half up.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from torch import fx

from snnconv.formats.onnx.integers import MOST, MOST_WINDOWS, Array, IntegerLowering, LevelTensor
from snnconv.graph.access import module_of, operands
from snnconv.neurons import NoForm, QuantizedSite, Site, capabilities_of

__all__ = ["CollapsedLowering"]

FINE = 3  # steps of a window to a level, at least, if MOST_WINDOWS are enough


class CollapsedLowering(IntegerLowering):
    """Writes a quantized network."""

    def takes(self, site: Site) -> bool:
        if not isinstance(site, QuantizedSite) or isinstance(capabilities_of(site).int8, NoForm):
            return False
        if site.total_levels > MOST[site.signed]:
            return False
        return site.ceiling.dim() == 0 or site.channel_axis == 1

    def write_site(self, node: fx.Node, site: QuantizedSite) -> None:
        """Quantize what a site receives, or what a convolution makes for it in units of its levels."""
        name, source = self.fresh_name(node), operands(node)[0]
        step = (site.ceiling.detach().double() / site.total_levels).cpu().numpy()
        kind = np.dtype(np.int8 if site.signed else np.uint8)
        received = self._in_levels(source, step) or self._with_residual(source, step, site)
        if received is not None:
            scale, zero = self.unit_scale(), self.constant(np.zeros((), kind), "zero", 0)
        else:
            received, scale = self.value(source), self.emission.constant(step, f"{name}.scale")
            zero = self.constant(np.zeros(step.shape, kind), "zero", len(step) if step.shape else 0)
        levels = self.emission.node("QuantizeLinear", [received, scale, zero], name, axis=1)
        total = site.total_levels
        self.levels[node] = LevelTensor(
            self.clipped(levels, site, total, name), step, -total if site.signed else 0, total
        )

    def _in_levels(self, node: fx.Node, step: Array) -> str | None:
        """Write a site's input in units of its levels, where one convolution of levels makes it."""
        behind = self.convolution_behind(node)
        return None if behind is None else self.convolution(*behind, step)

    def _with_residual(self, node: fx.Node, step: Array, site: QuantizedSite) -> str | None:
        """Write a site's input in units of its levels: a residual, and a convolution of levels in windows of 8 bits."""
        pair = self.added(node)
        if pair is None or site.signed:
            return None
        for convolution, residual in (pair, pair[::-1]):
            if self.of_levels(convolution) and residual in self.levels and self.levels[residual].least == 0:
                relative = replace(self.levels[residual], step=self.levels[residual].step / step)
                return self._windows(convolution, relative, step, site.total_levels, self.fresh_name(node))
        return None

    def _windows(self, node: fx.Node, residual: LevelTensor, step: Array, above: int, name: str) -> str:
        module: Any = module_of(self.graph, node)
        below = np.broadcast_to(residual.step * residual.most, (module.out_channels,))  # in levels of the site
        count = min(MOST_WINDOWS, math.ceil(float(np.median(below + above)) * FINE / MOST[False]))
        unit = (below + above) / (MOST[False] * count)
        levels = self.levels[operands(node)[0]]
        sum_name = self.dequantized(residual, f"{name}:residual", residual.most)  # less λ'', where the windows begin
        for number in range(count):
            shifted = below / unit - MOST[False] * number
            window = self.window(node, module, levels, unit * step, shifted, f"{name}:window{number}")
            part = self.dequantized(LevelTensor(window, unit, 0, MOST[False]), f"{name}:part{number}")
            sum_name = self.emission.node("Add", [sum_name, part], f"{name}:sum{number}")
        return sum_name
