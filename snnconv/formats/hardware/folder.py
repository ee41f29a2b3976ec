"""Layers as the files of a folder: graph.json, one .npy for each array, and a README.

File names are made of the layer's position and the letters and digits of its name, never of the name itself.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from snnconv.formats.exporting import Exported
from snnconv.formats.hardware.layers import Array, HardwareLayer, Integers, bits_of
from snnconv.formats.hardware.readme import readme
from snnconv.formats.hardware.run import FORMAT, GRAPH, LAST, SUM, VERSION, HardwareNetwork
from snnconv.model import Model
from snnconv.neurons import Code
from snnconv.spiking.sites import iter_sites, total_levels_of

__all__ = ["README", "HardwareFolder", "folder_of", "slug"]

README = "README.txt"
LONGEST = 40  # letters of a name in the name of a file
LONGEST_LIST = 4096  # scales of a layer that are listed


def slug(name: str) -> str:
    """Return a name as letters, digits and underscores.

    >>> slug("../../Conv.1"), slug("<script>"), slug("//")
    ('conv_1', 'script', 'layer')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST].strip("_") or "layer"


@dataclass(frozen=True, eq=False)
class HardwareFolder(Exported, Mapping[str, bytes]):
    """The files of a hardware folder by name, and what is in them.

    Attributes:
        files: Every file.
        graph: Content of graph.json.
    """

    files: Mapping[str, bytes]
    graph: Mapping[str, Any]
    called = "the integers"

    @property
    def coupling(self) -> str:
        """Return the coupling of the neurons."""
        return str(self.graph["coupling"])

    @property
    def layers(self) -> int:
        """Return the number of layers."""
        return len(self.graph["layers"])

    @property
    def weight_bits(self) -> int:
        """Return the width of a weight."""
        return int(self.graph["weight_bits"])

    @property
    def widest_bits(self) -> int:
        """Return the width of the widest sum or potential."""
        return int(self.graph["widest_bits"])

    @property
    def size_bytes(self) -> int:
        """Return the size of all files."""
        return sum(map(len, self.files.values()))

    def with_measured(self, measured: Mapping[str, Any]) -> HardwareFolder:
        """Return the same folder, with what a comparison on data measured in graph.json and in the README."""
        return _folder({**self.graph, "measured": dict(measured)}, self.files)

    def save(self, path: Path) -> None:
        """Write the folder, atomically."""
        from snnconv.formats.hardware.writing import write_hardware

        write_hardware(path, self)

    def open(self, model: Model) -> HardwareNetwork:
        """Return the reference, which runs the files."""
        return HardwareNetwork(self)

    def to_dict(self) -> dict[str, Any]:
        """Return coupling, widths and sizes."""
        widths = {"coupling": self.coupling, "weight_bits": self.weight_bits, "layers": self.layers}
        return {**widths, "widest_bits": self.widest_bits, "files": len(self), "bytes": self.size_bytes}

    def lines(self) -> list[str]:
        """Return coupling, widths and sizes, in words."""
        return [
            f"{self.layers} layers, weights of {self.weight_bits} bits, sums of up to {self.widest_bits} bits, "
            f"{self.coupling} coupling, {self.size_bytes / 1e6:.2f} MB."
        ]

    def title(self) -> str:
        """Return what runs the folder."""
        return "The integers"

    def __getitem__(self, name: str) -> bytes:
        return self.files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def folder_of(
    model: Model,
    layers: Sequence[HardwareLayer],
    outputs: Sequence[tuple[int, float]],
    weight_bits: int,
    passes: int,
    code: Code | None = None,
) -> HardwareFolder:
    """Return the folder of a network.

    Args:
        model: Network that the layers were made of.
        layers: Layers in the order of execution.
        outputs: Layer of each output, and what an integer of the answer stands for.
        weight_bits: Width of a signed weight.
        passes: Number of runs of the layers for one answer.
        code: Messages of neurons of differential coupling; None of another coupling.
    """
    arrays: dict[str, bytes] = {}
    described = [_layer(position, layer, arrays) for position, layer in enumerate(layers)]
    spec, first = model.input, layers[0]
    graph: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"snnconv {version('snnconv')}",
        "coupling": model.coupling.value if model.coupling else None,
        "code": code.value if code else None,
        "timesteps": model.timesteps,
        "passes": passes,
        "answer": SUM if code is None else LAST,
        "levels": None if code is Code.POWER_OF_TWO else model.levels,
        "total_levels": _total_levels(model, code),
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
            {"name": name, "layer": layer, "scale": scale}
            for name, (layer, scale) in zip(model.outputs, outputs, strict=True)
        ],
        "measured": None,
        "provenance": model.provenance,
    }
    return _folder(graph, arrays)


def _total_levels(model: Model, code: Code | None) -> int | None:
    """Return N, the most of any site; None of neurons without levels."""
    if code is Code.POWER_OF_TWO or model.levels is None or model.timesteps is None:
        return None
    if code is None:
        return model.levels * model.timesteps
    return max(total for _, site in iter_sites(model.graph) if (total := total_levels_of(site)) is not None)


def _folder(graph: dict[str, Any], files: Mapping[str, bytes]) -> HardwareFolder:
    """Return a folder of these arrays, its graph.json and README written anew."""
    arrays = {name: data for name, data in files.items() if name not in (GRAPH, README)}
    return HardwareFolder({GRAPH: _text(graph), README: readme(graph).encode(), **arrays}, graph)


def _text(graph: dict[str, Any]) -> bytes:
    return (json.dumps(graph, indent=1, allow_nan=False) + "\n").encode()


def _layer(position: int, layer: HardwareLayer, files: dict[str, bytes]) -> dict[str, Any]:
    """Return a layer as graph.json describes it; its arrays join the files."""
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
    """Return an array as graph.json describes it, in the smallest integers that hold it."""
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
