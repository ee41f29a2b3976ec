"""The reference of a hardware folder: it reads the folder and nothing else, and computes in integers only.

    integers of the input  ->  integers of the outputs

The same on every machine. Nothing in the folder is executed, and no name in it leads out of it.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnconv.errors import DataError, FileError, unreadable
from snnconv.files import require_regular
from snnconv.formats.hardware.layer_operators import LAYER_OPERATORS, RunningLayer
from snnconv.formats.hardware.operators import Array
from snnconv.neurons.code import Code

__all__ = ["FORMAT", "GRAPH", "VERSION", "HardwareNetwork", "file_names", "read_folder"]

FORMAT, VERSION = "snnconv hardware", 1
GRAPH = "graph.json"
SUM, LAST = ANSWERS = ("sum", "last")  # of the passes' outputs
CODES = (None, *(code.value for code in Code))
ARRAY_NAME = re.compile(r"[0-9]{3,6}_[a-z0-9_]+\.npy")

# (step, position of the layer, its integers)
Observer = Callable[[int, int, Array], None]


def read_folder(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return the files of a hardware folder by name: graph.json, and what it names.

    Raises:
        FileError: the folder or a file is missing or damaged, or is not of this format.
    """
    folder = Path(path)
    try:
        text = _read(folder / GRAPH)
        return {GRAPH: text, **{name: _read(folder / name) for name in file_names(_parsed(text))}}
    except (OSError, ValueError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{folder} cannot be read as a hardware folder: {reason}. Export the network again."
        raise unreadable(folder, error, message) from error


def _read(path: Path) -> bytes:
    require_regular(path)
    return path.read_bytes()


def file_names(graph: dict[str, Any]) -> list[str]:
    """Return the names of the arrays of integers that a graph.json names.

    Raises:
        FileError: one is no name that an export writes.
    """
    try:
        names = [array["file"] for layer in graph["layers"] for array in layer["arrays"].values()]
        wrong = [name for name in names if not ARRAY_NAME.fullmatch(name)]
    except (AttributeError, LookupError, TypeError) as error:
        raise FileError(f"{GRAPH} is damaged ({type(error).__name__}: {error}). Export the network again.") from error
    if wrong:
        raise FileError(f"{GRAPH} names the file {wrong[0]!r}, which no export writes.")
    return names


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        graph = json.loads(text)
        known = graph["format"] == FORMAT and graph["version"] == VERSION
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise FileError(f"{GRAPH} is damaged ({type(error).__name__}: {error}). Export the network again.") from error
    if not known:
        raise FileError(f"{GRAPH} is {graph['format']!r} version {graph['version']!r}, not {FORMAT!r} {VERSION}.")
    return dict(graph)


class HardwareNetwork:
    """A network of integers.

    Args:
        files: Files of its folder, by name.

    Attributes:
        graph: Content of graph.json.

    Raises:
        FileError: a file is missing or damaged.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.graph = _parsed(files.get(GRAPH, b""))
        self._arrays: dict[str, Array] = {}
        for name in file_names(self.graph):
            try:
                array = np.load(io.BytesIO(files[name]), allow_pickle=False)
            except (KeyError, ValueError, EOFError, OSError) as error:
                raise FileError(f"{name} is missing or damaged: {error}. Export the network again.") from error
            if array.dtype.kind != "i":
                raise FileError(f"{name} holds {array.dtype}, not integers. Export the network again.")
            self._arrays[name] = array.astype(np.int64)

    def __call__(self, inputs: Array, observe: Observer | None = None) -> tuple[Array, ...]:
        """Run the network on a batch.

        Args:
            inputs: Integers as graph.json describes them, `[B, ...]` in the network's layout; of an input that changes
                over time `[T, B, ...]`.
            observe: Receiver of the integers `[B, ...]` of each layer at each step.

        Returns:
            Each output, `[B, ...]` int64, summed over the steps, or under differential coupling that of the last; times
            its scale it is the network's answer.

        Raises:
            DataError: the inputs are no integers, of another shape, or out of their range.
            FileError: the folder is damaged.
        """
        steps, frames = self._checked(inputs)
        sums: list[Array] = []
        memory: dict[int, tuple[Array, ...]] = {}
        try:
            for step in range(steps):
                values: list[Array] = []
                for position, layer in enumerate(self.graph["layers"]):
                    operands = [values[source] for source in layer["inputs"]]
                    if layer["operator"] == "input":
                        operands = [inputs[step] if frames else inputs]
                    running = RunningLayer(layer, position, self._arrays, memory, step, self.graph.get("code"))
                    values.append(_run(running, operands))
                    if observe is not None:
                        observe(step, position, values[-1])
                outputs = [values[output["layer"]] for output in self.graph["outputs"]]
                added = bool(sums) and self.graph.get("answer") != LAST
                sums = [a + b for a, b in zip(sums, outputs, strict=True)] if added else outputs
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise FileError(
                f"{GRAPH} is damaged ({type(error).__name__}: {error}). Export the network again."
            ) from error
        return tuple(sums)

    def _checked(self, inputs: Array) -> tuple[int, bool]:
        """Return how many steps there are, and whether each takes a frame of its own."""
        try:
            steps, spec = int(self.graph["passes"]), self.graph["input"]
            known = self.graph.get("code") in CODES and self.graph.get("answer", SUM) in ANSWERS
            frames = spec["timesteps"] is not None
            shape, least, most = tuple(spec["shape"]), int(spec["least"]), int(spec["most"])
        except (LookupError, TypeError, ValueError) as error:
            raise FileError(
                f"{GRAPH} is damaged ({type(error).__name__}: {error}). Export the network again."
            ) from error
        if not known:
            raise FileError(f"{GRAPH} has a code or an answer that this version does not know.")
        lead = 2 if frames else 1
        if inputs.dtype.kind not in "iu" or inputs.shape[lead:] != shape or (frames and len(inputs) != steps):
            raise DataError(
                f"The inputs are {inputs.dtype} of shape {list(inputs.shape)}; the network takes integers "
                f"{[*([steps] if frames else []), 'batch', *shape]}."
            )
        if inputs.size and (int(inputs.min()) < least or int(inputs.max()) > most):
            raise DataError(f"The inputs are {inputs.min()}..{inputs.max()}; the network takes {least}..{most}.")
        return steps, frames


def _run(layer: RunningLayer, inputs: list[Array]) -> Array:
    """Run one layer on its inputs `[B, ...]`; layers change what is held of them."""
    operator = layer.described["operator"]
    run = LAYER_OPERATORS.get(operator)
    if run is None:
        raise FileError(f"{GRAPH} has a layer {operator!r}, which this version does not know.")
    return run(layer, inputs)
