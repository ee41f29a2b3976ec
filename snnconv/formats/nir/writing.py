"""A causally coupled spiking network as a NIR graph, for other people's simulators and chips."""

from __future__ import annotations

import io
import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from snnconv.errors import InvalidValueError
from snnconv.files import write_atomically
from snnconv.formats.exporting import Exported
from snnconv.formats.nir import forms  # noqa: F401 - fills the registry
from snnconv.formats.nir.export import NirExport
from snnconv.formats.nir.reading import METADATA_KEY, read_network
from snnconv.formats.nir.settings import NirReading
from snnconv.formats.nir.writer import NirWriter
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.model import Model
from snnconv.spiking.reparameterize import single_threshold

__all__ = ["DT", "NirFile", "nir_bytes", "nir_file", "save_nir", "to_nir"]

DT = 1e-4  # seconds of a step that time constants are written for: what most simulators take where nothing is said


@dataclass(frozen=True)
class NirFile(Exported):
    """A network as a NIR graph.

    Attributes:
        graph: The `nir.NIRGraph`.
        settings: Choices that it was written with.
        exact_sites: Names of the sites whose reset is built of primitives.
    """

    graph: Any
    settings: NirExport
    exact_sites: tuple[str, ...]

    @property
    def timesteps(self) -> int:
        """Return T', the steps that a sample is run for."""
        return int(self.graph.metadata["timesteps"])

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of nodes, in the order of the alphabet."""
        return sorted({type(node).__name__ for node in self.graph.nodes.values()})

    @cached_property
    def content(self) -> bytes:
        """Return the bytes of the file."""
        return nir_bytes(self.graph)

    def save(self, path: Path) -> None:
        """Write the file, atomically."""
        write_atomically(path, self.content)

    def open(self, model: Model) -> Model:
        """Return the graph as it is read, the loops of an exact reset as the neurons that they are."""
        return read_network(self.content, Path("the written graph"), NirReading())

    def to_dict(self) -> dict[str, Any]:
        """Return choices, sizes, and the kinds of nodes."""
        sizes = {"timesteps": self.timesteps, "nodes": len(self.graph.nodes), "edges": len(self.graph.edges)}
        return {**asdict(self.settings), **sizes, "bytes": len(self.content), "kinds": self.kinds}

    def lines(self) -> list[str]:
        """Return sizes and the kinds of nodes, in words."""
        return [
            f"{self.timesteps} steps, {len(self.graph.nodes)} nodes, {len(self.content) / 1e6:.2f} MB.",
            f"Kinds of nodes: {', '.join(self.kinds)}.",
        ]

    def title(self) -> str:
        """Return how the graph is run."""
        return f"One threshold, {self.timesteps} steps,"


def to_nir(snn: Model, *, exact_reset: bool = False, unit_thresholds: bool = False) -> Any:
    """Return a `nir.NIRGraph` of IF and LIF neurons with one threshold, over T' = L·T steps of the same input.

    Args:
        snn: A causally coupled SNN; it is not changed. Neurons of L levels are written as neurons of one
            (snnconv.spiking.reparameterize), and its network is not the same.
        exact_reset: Flag to build the reset by subtraction of NIR's integrator, threshold, scale and delay, in a
            loop; else it is an IF or LIF whose metadata say `reset: subtract`, and whose initial potential `v0`.
        unit_thresholds: Flag to divide currents so that every threshold is 1, which some simulators ask for; else
            thresholds are one a channel, in units of the current.

    Returns:
        The graph. Its weights and thresholds are 32-bit floats. A spike is 1; what it is worth is in the weights that
        follow. The output is a current a step, whose mean over the steps is the network's output.

    Raises:
        ModelError: The network is no SNN, or takes frames for levels above one.
        UnsupportedOperatorsError: NIR cannot hold some neurons or operators; all of each kind are listed.
        InvalidValueError: The package nir is not installed.
    """
    return nir_file(snn, exact_reset=exact_reset, unit_thresholds=unit_thresholds).graph


def nir_file(snn: Model, *, exact_reset: bool = False, unit_thresholds: bool = False) -> NirFile:
    """Return what `to_nir` returns, and what is in it; arguments and errors are its."""
    try:
        import nir
    except ImportError as error:
        raise InvalidValueError("NIR files are written with the package nir: pip install 'snnconv[nir]'.") from error
    single = single_threshold(snn)
    run_passes(single.graph, (split_calls, fold_affine))
    writer = NirWriter(single, exact_reset=exact_reset, unit_thresholds=unit_thresholds, dt=DT)
    draft = writer.write()
    checked = _checks(draft.nodes)
    graph = nir.NIRGraph(draft.nodes, draft.edges, metadata=_metadata(single, snn, writer), type_check=checked)
    settings = NirExport(exact_reset, unit_thresholds)
    return NirFile(graph, settings, tuple(writer.exact_sites))


def _checks(nodes: dict[str, Any]) -> bool:
    """Return whether nir's own check of shapes knows all nodes: it takes kernels for square, and groups for one."""
    kernels = [node.weight.shape for node in nodes.values() if type(node).__name__ == "Conv2d"]
    grouped = any(node.groups != 1 for node in nodes.values() if type(node).__name__ == "Conv2d")
    return not grouped and all(shape[2] == shape[3] for shape in kernels)


def _metadata(single: Model, snn: Model, writer: NirWriter) -> dict[str, Any]:
    spec, nodes = single.input.to_dict(), writer.draft.nodes
    if writer.turned:
        spec["layout"] = "NCHW"
    statement = {
        "version": version("snnconv"),
        "timesteps": single.timesteps,
        "still": single.input.timesteps is None,
        "dt": DT,
        "input": spec,
        "from": {"timesteps": snn.timesteps, "levels": snn.levels},
        "sites": writer.sites,
    }
    soft = any(getattr(node, "metadata", {}).get("reset") == "subtract" for node in nodes.values())
    return {
        "reset": "subtract" if soft else "zero",
        "timesteps": single.timesteps,
        "dt": DT,
        "type_check": "yes" if _checks(nodes) else "no",
        METADATA_KEY: json.dumps(statement),
    }


def nir_bytes(graph: Any) -> bytes:
    """Return the bytes of a NIR file.

    A v_reset of 0 is left out: that is what it is where nothing is said, and nir 1.0.4 (sinabs 3.1.3) has none.
    """
    import h5py
    import nir

    file = io.BytesIO()
    nir.write(file, graph)
    with h5py.File(file, "r+") as written:
        for node in written["node/nodes"].values():
            if "v_reset" in node and not node["v_reset"][()].any():
                del node["v_reset"]
    return file.getvalue()


def save_nir(
    snn: Model, path: str | os.PathLike[str], *, exact_reset: bool = False, unit_thresholds: bool = False
) -> Path:
    """Write a network as a NIR file, atomically; arguments and errors are those of `to_nir`.

    Raises:
        FileError: The file cannot be written; nothing is left behind.
    """
    written = nir_file(snn, exact_reset=exact_reset, unit_thresholds=unit_thresholds)
    write_atomically(path, written.content)
    return Path(path)
