"""Networks with 8-bit weights and activations: in one pass, or step by step."""

from __future__ import annotations

import os
from pathlib import Path

import onnx

from snnconv.errors import ModelError
from snnconv.files import write_atomically
from snnconv.formats.onnx.integers import MOST, IntegerWriter
from snnconv.formats.onnx.integers_collapsed import CollapsedWriter
from snnconv.formats.onnx.integers_stepped import SteppedWriter
from snnconv.formats.onnx.metadata import INT8
from snnconv.formats.onnx.writing import metadata_of, output_tensors, wrapped
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.model import Model, Stage
from snnconv.neurons import Site, reasons_against
from snnconv.spiking.sites import iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse

__all__ = ["save_int8", "to_int8"]


def to_int8(model: Model, *, stepped: bool = False) -> onnx.ModelProto:
    """A quantized or spiking network with 8-bit weights and activations.

    Args:
        model: a quantized network or an SNN. The input is as that of `to_onnx`.
        stepped: write the SNN itself, T steps, with the outputs of `to_onnx`; else the quantized network, or the one
            that a mean-coupled SNN equals, in one pass.

    Raises:
        ModelError: it is a plain network, or is to be stepped and is no SNN, or no site has few enough levels and a
            convolution to feed.
    """
    if model.stage is Stage.ANN:
        raise ModelError("A plain network has no levels: convert it first, then export it in 8 bits.")
    if stepped and model.stage is not Stage.SNN:
        raise ModelError("Only a spiking network steps through time; this one is quantized: write the collapsed form.")
    network = collapse(model) if model.stage is Stage.SNN and not stepped else model.copy()
    run_passes(network.graph.eval(), (split_calls, fold_affine))
    kind: type[IntegerWriter] = SteppedWriter if stepped else CollapsedWriter
    names, shapes = output_tensors(network)
    time = [] if not stepped or model.input.timesteps is None else [model.input.timesteps]
    writer = kind(network.graph, [*time, "batch", *model.input.sample_shape()], names, shapes)
    if not writer.integers:
        sites = [site for _, site in iter_sites(network.graph)]
        if len(reasons := reasons_against(sites, "int8")) and not any(
            writer.takes(site) for site in sites if isinstance(site, Site)
        ):
            raise ModelError(f"No neurons of the network fire levels of 8 bits: {reasons[0]}.")
        levels = "L" if stepped else "N"
        raise ModelError(
            f"No convolution takes levels that fit into 8 bits ({levels} <= {MOST[False]}): convert with fewer levels."
        )
    totals = {total for _, site in iter_sites(network.graph) if (total := total_levels_of(site)) is not None}
    form = {INT8: "stepped" if stepped else "collapsed", "total_levels": [min(totals), max(totals)]}
    return wrapped(writer.graph, {**metadata_of(model), **form})


def save_int8(model: Model, path: str | os.PathLike[str], *, stepped: bool = False) -> Path:
    """Write `to_int8(model, stepped=stepped)`, atomically.

    Raises:
        FileError: it cannot be written; nothing is left behind.
        ModelError: as of `to_int8`.
    """
    write_atomically(path, to_int8(model, stepped=stepped).SerializeToString())
    return Path(path)
