"""Networks with 8-bit weights and activations: in one pass, or step by step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from snnconv.errors import ModelError
from snnconv.files import write_atomically
from snnconv.formats.onnx.integers import MOST
from snnconv.formats.onnx.integers_collapsed import CollapsedLowering
from snnconv.formats.onnx.integers_stepped import SteppedLowering
from snnconv.formats.onnx.metadata import INT8
from snnconv.formats.onnx.writing import metadata_of, output_tensors, wrapped
from snnconv.graph.exporter import tensor_info
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.model import ANN, SNN, Model
from snnconv.neurons import QuantizedSite, SpikingSite, reasons_against
from snnconv.spiking.plan import make_plan, prepare
from snnconv.spiking.sites import iter_sites, total_levels_of
from snnconv.spiking.unrolling import collapse

__all__ = ["Int8File", "int8_file", "save_int8", "to_int8"]


@dataclass(frozen=True)
class Int8File:
    """A network with 8-bit weights and activations.

    Attributes:
        proto: The file.
        form: "stepped", or "collapsed" where it runs in one pass.
        convolutions: Number of convolutions that compute on levels.
        total_levels: The least and the most N of any site.
    """

    proto: onnx.ModelProto
    form: Literal["collapsed", "stepped"]
    convolutions: int
    total_levels: tuple[int, int]


def to_int8(model: Model, *, stepped: bool = False) -> onnx.ModelProto:
    """Return a quantized or spiking network with 8-bit weights and activations.

    Args:
        model: A quantized network or an SNN. The input is as that of `to_onnx`.
        stepped: Flag to write the SNN itself, T steps, with the outputs of `to_onnx`; else the quantized network, or
            the one that a mean-coupled SNN equals, in one pass.

    Raises:
        ModelError: It is a plain network, or is to be stepped and is no SNN, or no site has few enough levels and a
            convolution to feed.
    """
    return int8_file(model, stepped=stepped).proto


def int8_file(model: Model, *, stepped: bool = False) -> Int8File:
    """Return what `to_int8` returns, and what is in it; arguments and errors are its."""
    if isinstance(model, ANN):
        raise ModelError(_linear_or_plain(model))
    if stepped and not isinstance(model, SNN):
        raise ModelError("Only a spiking network steps through time; this one is quantized: write the collapsed form.")
    network = collapse(model) if isinstance(model, SNN) and not stepped else model.copy()
    run_passes(network.graph.eval(), (split_calls, fold_affine))
    graph, convolutions = _lowered(network, stepped)
    if not convolutions:
        raise ModelError(_without_convolutions(network, stepped))
    totals = {total for _, site in iter_sites(network.graph) if (total := total_levels_of(site)) is not None}
    form: Literal["collapsed", "stepped"] = "stepped" if stepped else "collapsed"
    described = {INT8: form, "total_levels": [min(totals), max(totals)]}
    proto = wrapped(graph, {**metadata_of(model), **described})
    return Int8File(proto, form, convolutions, (min(totals), max(totals)))


def _linear_or_plain(model: Model) -> str:
    """Return why a plain network has no 8-bit form, and what to do."""
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
        if isinstance(site, QuantizedSite):
            site.total_levels = 1
        elif isinstance(site, SpikingSite):
            site.levels = 1
    return copy


def _without_convolutions(network: Model, stepped: bool) -> str:
    """Return why no convolution of a network is written in integers, and what to do."""
    if _lowered(_with_two_levels(network), stepped)[1]:
        levels = "L" if stepped else "N"
        return (
            f"No convolution takes levels that fit into 8 bits ({levels} <= {MOST[False]}): convert with fewer levels."
        )
    sites = [site for _, site in iter_sites(network.graph)]
    if len(reasons := reasons_against(sites, "int8")) and all(reasons_against([site], "int8") for site in sites):
        return f"No neurons of the network fire levels of 8 bits: {reasons[0]}. Export it without --int8."
    return (
        "No convolution takes levels from one neuron to the next, and nothing else is written in 8 bits: linear "
        "layers, and the layers before the first neurons and behind the last, stay in float, whatever the number of "
        "levels. "
        "Export the network without --int8, or with --to hardware, which holds linear layers in integers, too."
    )


def _lowered(network: Model, stepped: bool) -> tuple[onnx.GraphProto, int]:
    """Return the ONNX graph of a network, and how many convolutions on levels are in it."""
    names, shapes = output_tensors(network)
    lowering = (SteppedLowering if stepped else CollapsedLowering)(network.graph, names)
    for tensor, name in zip(lowering.run(), names, strict=True):
        lowering.name_output(tensor, name)
    inputs = lowering.inputs(network.input.sample_shape(), network.input.timesteps if stepped else None)
    outputs = [tensor_info(name, shape) for name, shape in zip(names, shapes, strict=True)]
    return lowering.finished(inputs, outputs), lowering.integers


def save_int8(model: Model, path: str | os.PathLike[str], *, stepped: bool = False) -> Path:
    """Write `to_int8(model, stepped=stepped)`, atomically.

    Raises:
        FileError: The file cannot be written; nothing is left behind.
        ModelError: See `to_int8`.
    """
    write_atomically(path, to_int8(model, stepped=stepped).SerializeToString())
    return Path(path)
