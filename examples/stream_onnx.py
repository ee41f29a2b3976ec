"""Run a spiking network one time step at a call, with onnxruntime and numpy alone.

    snnconv export resnet18-causal.onnx --form single-step -o step.onnx
    python stream_onnx.py step.onnx [INPUT.npy]

INPUT.npy is a batch of still inputs `[B, ...]`, or of frames `[T, B, ...]`, normalised; random without it.
"""

import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
network = json.loads(session.get_modelmeta().custom_metadata_map["snnconv"])
states = network["single_step"]["states"]
steps, frames = network["timesteps"], network["input"]["timesteps"]
given = session.get_inputs()[0]
if len(sys.argv) > 2:
    x = np.load(sys.argv[2]).astype(np.float32)
else:
    time = [] if frames is None else [frames]
    x = np.random.default_rng(0).random((*time, 1, *given.shape[1:]), dtype=np.float32)
batch = x.shape[0 if frames is None else 1]


def initial(state):
    values = np.float32(state["initial"])  # a number, or one a channel
    if values.ndim:
        values = values.reshape(-1, *[1] * (len(state["shape"]) - state["axis"]))
    return np.broadcast_to(values, (batch, *state["shape"]))


held = {state["input"]: initial(state) for state in states}
names = [output.name for output in session.get_outputs()]
total = 0
for step in range(steps):
    now = x if frames is None else x[step]
    found = dict(zip(names, session.run(None, {given.name: now, **held}), strict=True))
    held = {state["input"]: found[state["output"]] for state in states}
    total = total + found[names[0]]
    answer = found[names[0]] if network["single_step"].get("answer") == "last" else total / (step + 1)
    print(f"after step {step + 1}: {answer.reshape(batch, -1).argmax(1)}")
