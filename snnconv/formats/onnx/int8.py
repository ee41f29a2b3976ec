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
from snnconv.model import ANN, SNN, Model
from snnconv.neurons import QCFS, MultiThreshold
from snnconv.spiking.plan import make_plan, prepare
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
    if isinstance(model, ANN):
        raise ModelError(_of_a_plain_network(model))
    if stepped and not isinstance(model, SNN):
        raise ModelError("Only a spiking network steps through time; this one is quantized: write the collapsed form.")
    network = collapse(model) if isinstance(model, SNN) and not stepped else model.copy()
    run_passes(network.graph.eval(), (split_calls, fold_affine))
    kind: type[IntegerWriter] = SteppedWriter if stepped else CollapsedWriter
    names, shapes = output_tensors(network)
    time = [] if not stepped or model.input.timesteps is None else [model.input.timesteps]
    input_shape: list[int | str] = [*time, "batch", *model.input.sample_shape()]
    writer = kind(network.graph, input_shape, names, shapes)
    if not writer.integers:
        raise ModelError(
            _without_convolutions(network, kind(_with_two_levels(network).graph, input_shape, names, shapes))
        )
    totals = {total for _, site in iter_sites(network.graph) if (total := total_levels_of(site)) is not None}
    form = {INT8: "stepped" if stepped else "collapsed", "total_levels": [min(totals), max(totals)]}
    return wrapped(writer.graph, {**metadata_of(model), **form})


def _of_a_plain_network(model: Model) -> str:
    """Say why a plain network has no 8-bit form, and what to do."""
    if make_plan(prepare(model)).sites:
        return "A plain network has no levels: convert it first, then export it in 8 bits."
    return (
        "The network has no activation that could fire levels (it is linear), so it becomes no spiking network and has "
        "no 8-bit form here: run the file as it is, or quantize it with onnxruntime's own tools."
    )


def _with_two_levels(network: Model) -> Model:
    """Return a copy whose sites have the levels 0 and 1 alone, which is not to be run."""
    copy = network.copy()
    for _, site in iter_sites(copy.graph):
        if isinstance(site, QCFS):
            site.total_levels = 1
        elif isinstance(site, MultiThreshold):
            site.levels = 1
    return copy


def _without_convolutions(network: Model, with_two_levels: IntegerWriter) -> str:
    """Say why no convolution of a network is written in integers, and what to do.

    Args:
        network: that was to be written.
        with_two_levels: what is written of it if its sites have two levels only.
    """
    stepped = isinstance(network, SNN)
    sites = [site for _, site in iter_sites(network.graph)]
    if with_two_levels.integers:
        levels = "L" if stepped else "N"
        return (
            f"No convolution takes levels that fit into 8 bits ({levels} <= {MOST[False]}): convert with fewer levels."
        )
    if stepped and not any(isinstance(site, MultiThreshold) for site in sites):
        kinds = ", ".join(sorted({type(site).__name__ for site in sites}))
        return f"Only M-HT neurons are written in 8 bits, the network's are {kinds}: export it without --int8."
    return (
        "No convolution takes levels from one neuron to the next, and nothing else is written in 8 bits: linear "
        "layers, and the layers before the first neurons and behind the last, stay in float, whatever the number of "
        "levels. "
        "Export the network without --int8, or with --to hardware, which holds linear layers in integers, too."
    )


def save_int8(model: Model, path: str | os.PathLike[str], *, stepped: bool = False) -> Path:
    """Write `to_int8(model, stepped=stepped)`, atomically.

    Raises:
        FileError: it cannot be written; nothing is left behind.
        ModelError: as of `to_int8`.
    """
    write_atomically(path, to_int8(model, stepped=stepped).SerializeToString())
    return Path(path)
