"""Layers as the files of a folder: graph.json, one .npy for each array, and a README.

File names are made of the layer's position and the letters and digits of its name, never of the name itself.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from snnconv.formats.hardware.layers import Array, Integers, Layer, bits_of
from snnconv.formats.hardware.readme import readme
from snnconv.formats.hardware.run import FORMAT, GRAPH, VERSION
from snnconv.model import Model

__all__ = ["README", "files_of", "slug", "with_measured"]

README = "README.txt"
LONGEST = 40  # letters of a name in the name of a file
LONGEST_LIST = 4096  # scales of a layer that are listed


def slug(name: str) -> str:
    """A name as letters, digits and underscores.

    >>> slug("../../Conv.1"), slug("<script>"), slug("//")
    ('conv_1', 'script', 'layer')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST].strip("_") or "layer"


def files_of(
    model: Model, layers: Sequence[Layer], outputs: Sequence[tuple[int, float]], weight_bits: int, passes: int
) -> dict[str, bytes]:
    """Every file of the folder, by name."""
    files: dict[str, bytes] = {}
    described = [_layer(position, layer, files) for position, layer in enumerate(layers)]
    spec, first = model.input, layers[0]
    graph: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"snnconv {version('snnconv')}",
        "coupling": model.coupling.value if model.coupling else None,
        "timesteps": model.timesteps,
        "passes": passes,
        "levels": model.levels,
        "total_levels": None if model.levels is None or model.timesteps is None else model.levels * model.timesteps,
        "weight_bits": weight_bits,
        "widest_bits": max(max(layer["bits"], layer.get("state_bits", 0)) for layer in described),
        "input": {
            **spec.to_dict(),
            "shape": list(spec.sample_shape()),
            "least": first.attributes["least"],
            "most": first.attributes["most"],
            "integers": "pixels 0..255" if spec.timesteps is None else "counts of events, cut off at 255",
        },
        "layers": described,
        "outputs": [
            {"name": name, "layer": layer, "scale": scale / passes}
            for name, (layer, scale) in zip(model.outputs, outputs, strict=True)
        ],
        "measured": None,
        "provenance": model.provenance,
    }
    return {GRAPH: _text(graph), README: readme(graph).encode(), **files}


def with_measured(files: dict[str, bytes], measured: dict[str, Any]) -> dict[str, bytes]:
    """The same files with what was found of the network on data."""
    graph = {**json.loads(files[GRAPH]), "measured": measured}
    return {**files, GRAPH: _text(graph), README: readme(graph).encode()}


def _text(graph: dict[str, Any]) -> bytes:
    return (json.dumps(graph, indent=1, allow_nan=False) + "\n").encode()


def _layer(position: int, layer: Layer, files: dict[str, bytes]) -> dict[str, Any]:
    """A layer as graph.json describes it; its arrays join the files."""
    name = f"{position:03d}_{slug(layer.name)}"
    listed = layer.scale is not None and layer.scale.size <= LONGEST_LIST
    described: dict[str, Any] = {
        "name": layer.name,
        "operator": layer.operator,
        "inputs": list(layer.inputs),
        "shape": list(layer.shape),
        "attributes": layer.attributes,
        "arrays": {key: _array(f"{name}_{key}", array, files) for key, array in layer.arrays.items()},
        "range": [layer.low, layer.high],
        "bits": bits_of(layer.low, layer.high),
        "scale": layer.scale.tolist() if listed and layer.scale is not None else None,
        "scale_axis": layer.axis,
    }
    if layer.state is not None:
        described |= {"state_range": list(layer.state), "state_bits": bits_of(*layer.state)}
    return described


def _array(name: str, array: Integers, files: dict[str, bytes]) -> dict[str, Any]:
    """An array as graph.json describes it, in the smallest integers that hold it."""
    bits = bits_of(int(array.values.min(initial=0)), int(array.values.max(initial=0)))
    width = next(width for width in (8, 16, 32, 64) if bits <= width)
    files[f"{name}.npy"] = _npy(array.values.astype(f"<i{width // 8}"))
    described = {"file": f"{name}.npy", "axis": array.axis, "bits": bits}
    if array.real is not None:
        files[f"{name}_float.npy"] = _npy(array.real.astype("<f4"))
        described["float_file"] = f"{name}_float.npy"
    return described


def _npy(values: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
    return buffer.getvalue()
