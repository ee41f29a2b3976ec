"""A hardware folder of differential coupling run as a chip runs it: layers pass messages, and each keeps what it needs.

Nothing of the interpreter's form, in which layers pass values: linear layers act on messages alone, with the biases in
the first pass (code uniform: in every pass), in Python's own integers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from reference.hardware import array, as_integers, run_layer

CONSTANTS = {"convolution": "biases", "linear": "biases", "affine": "constants"}


class Chip:
    """One run of a folder; `messages` holds each pass's, by the position of the layer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.graph = json.loads((folder / "graph.json").read_text())
        self.code = self.graph["code"]
        self.received: dict[int, np.ndarray] = {}  # sums of what a layer's neurons or maxima were sent
        self.sent: dict[int, np.ndarray] = {}  # sums of what a layer sent
        self.messages: list[list[np.ndarray]] = []

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        """The outputs: sums of all messages."""
        for step in range(self.graph["passes"]):
            messages: list[np.ndarray] = []
            for position, layer in enumerate(self.graph["layers"]):
                given = [messages[source] for source in layer["inputs"]]
                messages.append(self.message(position, layer, given, step, as_integers(inputs)))
                self.sent[position] = self.sent.get(position, 0) + messages[-1]
            self.messages.append(messages)
        return [self.sent[output["layer"]] for output in self.graph["outputs"]]

    def message(self, position, layer, given, step, inputs):
        """What a layer sends in a pass."""
        arrives = step == 0 or self.code == "uniform"
        operator = layer["operator"]
        if operator == "input":
            return (inputs - array(self.folder, layer, "zero")) * int(arrives)
        if operator in ("sigma_delta", "bipolar", "max_pool"):
            self.received[position] = self.received.get(position, 0) + given[0]
            received = self.received[position]
            if operator == "max_pool":
                return run_layer(self.folder, layer, [received], position, {}) - self.sent.get(position, 0)
            return self.told(position, layer, received)
        linear = run_layer(self.folder, layer, given, position, {})
        if operator in CONSTANTS and not arrives:
            linear = linear - array(self.folder, layer, CONSTANTS[operator])
        return linear

    def told(self, position, layer, received):
        """What neurons send; the first message holds what their readers know before it."""
        how = layer["attributes"]
        names = ("thresholds", "least", "initial") if layer["operator"] == "sigma_delta" else ("thresholds",)
        numbers = {name: array(self.folder, layer, name) + 0 * received for name in names}
        caps = array(self.folder, layer, "caps", 10**30) + 0 * received
        before = self.sent.get(position, numbers.get("initial", 0 * received))
        after = np.empty_like(received)
        for at in np.ndindex(received.shape):
            z, y, unit = received[at] * 2 ** how["shift"], before[at], numbers["thresholds"][at]
            if layer["operator"] == "bipolar":
                after[at] = y + levels_of(z, y, unit, how)
            else:
                lowest = -caps[at] if how["signed"] else 0
                m = message_of(min(max(z, lowest), caps[at]), y, unit, numbers["least"][at], how)
                after[at] = y + m
        return after - self.sent.get(position, 0)


def message_of(z, y, smallest, least, how):
    """The message of one sigma-delta unit."""
    unknown = z - y * smallest
    if abs(unknown) < least:
        return 0
    exponent = max([0, *(j for j in range(1, how["octaves"]) if 4 * abs(unknown) >= 3 * smallest * 2**j)])
    sign = 1 if unknown > 0 else -1
    if not how["signed"] and y + sign * 2**exponent < 0:
        return sign * (2**exponent // 2)
    return sign * 2**exponent


def levels_of(z, y, threshold, how):
    """The level of one bipolar unit."""
    k = min(max((2 * z + threshold) // (2 * threshold), how["lowest"]), how["highest"])
    return min(max(k - y, -how["levels"]), how["levels"])
