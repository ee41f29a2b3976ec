"""A hardware folder run as docs/hardware.md says, unit by unit, in Python's own integers, which have no width."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np


def run(folder: Path, inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs of a batch, summed over the steps; inputs `[B, ...]`, of frames `[T, B, ...]`."""
    graph = json.loads((folder / "graph.json").read_text())
    held: dict[int, np.ndarray] = {}
    sums: list[np.ndarray] = []
    for step in range(graph["passes"]):
        values: list[np.ndarray] = []
        frame = inputs[step] if graph["input"]["timesteps"] else inputs
        for position, layer in enumerate(graph["layers"]):
            given = [values[source] for source in layer["inputs"]] or [as_integers(frame)]
            values.append(run_layer(folder, layer, given, position, held))
        found = [values[output["layer"]] for output in graph["outputs"]]
        sums = [a + b for a, b in zip(sums, found, strict=True)] if sums else found
    return sums


def as_integers(values: np.ndarray) -> np.ndarray:
    return np.array([int(value) for value in values.reshape(-1)], dtype=object).reshape(values.shape)


def array(folder: Path, layer: dict, name: str, default: int = 0) -> np.ndarray:
    """An array of a layer, to broadcast over `[B, *shape]`."""
    if name not in layer["arrays"]:
        return np.array(default, dtype=object)
    described = layer["arrays"][name]
    values = as_integers(np.load(folder / described["file"]))
    if described["axis"] is None:
        return values
    return values.reshape(-1, *[1] * (len(layer["shape"]) - 1 - described["axis"]))


def windows(x: np.ndarray, kernel, strides, dilations, pads, fill):
    """For each window of `[B, C, *spatial]` its place and what is in it, `[B, C, *kernel]`."""
    rank = len(kernel)
    around = [(0, 0), (0, 0), *((pads[axis], pads[axis + rank]) for axis in range(rank))]
    x = as_integers(np.pad(x, around, constant_values=fill))  # numpy pads with integers of its own
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    counts = [(size - r) // s + 1 for size, r, s in zip(x.shape[2:], reach, strides, strict=True)]
    for place in itertools.product(*map(range, counts)):
        cut = [slice(p * s, p * s + r, d) for p, s, r, d in zip(place, strides, reach, dilations, strict=True)]
        yield place, x[(slice(None), slice(None), *cut)]


def convolve(x, weights, how):
    groups = how["groups"]
    into, out = x.shape[1] // groups, len(weights) // groups
    made = {}
    for place, cut in windows(x, weights.shape[2:], how["strides"], how["dilations"], how["pads"], 0):
        for o in range(len(weights)):
            part = cut[:, o // out * into : (o // out + 1) * into]
            made[(o, *place)] = [sum(row) for row in (part * weights[o]).reshape(len(x), -1)]
    shape = [max(index[axis] for index in made) + 1 for axis in range(x.ndim - 1)]
    output = np.empty((len(x), *shape), dtype=object)
    for index, values in made.items():
        output[(slice(None), *index)] = values
    return output


def pool(x, how, together, fill):
    dilations = how.get("dilations", [1] * len(how["kernel"]))
    made = {
        place: [[together(unit.reshape(-1)) for unit in row] for row in cut]
        for place, cut in windows(x, how["kernel"], how["strides"], dilations, how["pads"], fill)
    }
    output = np.empty((*x.shape[:2], *(max(place[axis] for place in made) + 1 for axis in range(x.ndim - 2))), object)
    for place, values in made.items():
        output[(slice(None), slice(None), *place)] = np.array(values, dtype=object)
    return output


def run_layer(folder, layer, given, position, held):
    how, x = layer["attributes"], given[0]
    match layer["operator"]:
        case "input":
            return x - array(folder, layer, "zero")
        case "convolution":
            weights = as_integers(np.load(folder / layer["arrays"]["weights"]["file"]))
            return convolve(x, weights, how) * 2 ** how["shift"] + array(folder, layer, "biases")
        case "linear":
            weights = as_integers(np.load(folder / layer["arrays"]["weights"]["file"]))
            return x.dot(weights.T) * 2 ** how["shift"] + array(folder, layer, "biases")
        case "neurons":
            v = held.get(position, array(folder, layer, "initial") + 0 * x)
            if how["decay"] is not None:
                v = v * how["decay"] // 2**12
            u = v + x * 2 ** how["shift"]
            theta = array(folder, layer, "thresholds") + 0 * x
            levels = (u + array(folder, layer, "offsets")) // theta
            s = np.minimum(np.maximum(levels, how["lowest"]), how["highest"])
            held[position] = u - s * theta if how["reset"] == "soft" else np.where(s > 0, 0, u)
            return s
        case "add":
            return x * array(folder, layer, "multipliers0") + given[1] * array(folder, layer, "multipliers1")
        case "affine":
            return x * array(folder, layer, "multipliers", 1) + array(folder, layer, "constants")
        case "sum":
            return x.sum(tuple(axis + 1 for axis in how["axes"])).reshape(len(x), *layer["shape"])
        case "sum_pool":
            return pool(x, how, sum, 0)
        case "max_pool":
            return pool(x, how, max, -(10**30))
        case "reshape":
            return x.reshape(len(x), *how["shape"])
        case "transpose":
            return x.transpose(0, *(axis + 1 for axis in how["order"]))
        case "concat":
            return np.concatenate(given, how["axis"] + 1)
        case "slice":
            return x[(slice(None), *(slice(*bounds) for bounds in how["starts_stops_steps"]))]
        case "pad":
            axes = len(how["pads"]) // 2
            ends = [(how["pads"][axis], how["pads"][axis + axes]) for axis in range(axes)]
            return as_integers(np.pad(x, [(0, 0)] * (x.ndim - axes) + ends, constant_values=0))
    raise ValueError(layer["operator"])
