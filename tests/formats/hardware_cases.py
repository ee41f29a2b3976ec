"""Spiking networks for hardware folders, and what they are given."""

from __future__ import annotations

import numpy as np
import torch
from graph_cases import HEAD, conv, model_of, node, prepared, proto_of, quantize
from graph_cases import W as WEIGHTS
from onnx import numpy_helper

from snnconv.model import InputSpec
from snnconv.neurons import BipolarMultiThreshold, Code, Coupling, NeuronSettings, SigmaDelta, build_neuron
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import channel_axis, is_signed, iter_sites
from snnconv.spiking.unrolling import spike, unroll

T, L = 4, 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HELD = (  # cases that integers hold under both couplings
    "chain",
    "channels_last",
    "concat_of_spikes",
    "depthwise_and_slices",
    "input_used_again_late",
    "one_output_before_any_site",
    "output_is_a_site",
    "relu_on_the_input",
    "residual_of_spikes",
    "residual_of_the_static_stem",
    "two_outputs",
)
NOT_HELD = {  # the others, and what of them is named under mean coupling
    "leaky_chain": ["r1", "r2", "features"],
    "leaky_tail": ["out"],
    "masked_attention": ["scores", "masked", "weights", "mixed"],
    "matrices_of_spikes": ["scores", "mixed"],
    "product_of_spikes": ["product"],
    "sigmoid_tail": ["out"],
    "softmax_tail": ["out"],
    "square_and_quotient": ["square", "quotient"],
    "squeeze_and_excite": ["gate", "excited"],
    "static_times_spikes": ["scaled"],
}


def spiking(name, coupling, levels=L):
    """A case as an SNN of images; causal neurons with initial potentials of their own for every channel."""
    snn = spike(quantize(prepared(name), T * levels), T, levels, coupling)
    return of_images(snn, coupling)


def of_images(snn, coupling):
    snn.input = snn.input.override(mean=MEAN, std=STD)
    for number, (_, site) in enumerate(iter_sites(snn.graph)):
        if coupling is Coupling.CAUSAL and site.ceiling.dim():
            draw = np.random.default_rng(number).uniform(0.2, 0.8, len(site.ceiling))
            site.initial = torch.tensor(draw, dtype=torch.float32)
    return snn


def differential(name, code, levels=L):
    """A case as an SNN of images that tells changes: thresholds a channel, some layers with a sign, caps and starts."""
    ann = pooled_and_normed_ann() if name == "pooled_and_normed" else prepared(name)
    rng = np.random.default_rng(5)
    number = iter(range(100))

    def neuron(place, site):
        axis, order = channel_axis(ann.graph, place), next(number)
        size = () if axis is None else (place.meta["shape"][axis - 1],)
        theta = torch.tensor(rng.uniform(0.4, 1.5, size), dtype=torch.float32)
        more = {"signed": is_signed(site) or order % 3 == 1, "channel_axis": axis or 1}
        if code is Code.UNIFORM:
            return BipolarMultiThreshold(theta, T, levels, total_levels=T * levels - order % 2, **more)
        more |= {"cap": 0.9} if order % 3 == 2 else {}
        more |= {"initial": torch.tensor(rng.integers(0, 9, size) / 32, dtype=torch.float32)} if order % 2 else {}
        return SigmaDelta(theta, T, 6, dead_zone=0.6 if order % 2 else 0.75, **more)

    snn = unroll(ann, neuron)
    snn.input = snn.input.override(mean=MEAN, std=STD)
    return snn


def pooled_and_normed(coupling):
    """The same as an SNN."""
    return of_images(spike(quantize(pooled_and_normed_ann(), T * L), T, L, coupling), coupling)


def pooled_and_normed_ann():
    """Batch-norms that no convolution takes in, pooling of three kinds, padding, a dilated convolution."""
    rng = np.random.default_rng(3)
    norm = {"g": [1.5, -0.7, 0.4, 1.0], "b": [0.1, 0.3, -0.2, 0.0], "m": rng.normal(size=4), "v": [1.0, 0.5, 2.0, 0.3]}
    nodes = [
        node("Sub", "input shift", "shifted"),
        conv("shifted", "c1"),
        node("MaxPool", "c1", "pool1", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
        node("Relu", "pool1", "r1"),
        node("BatchNormalization", "r1 g b m v", "normed"),
        conv("normed", "c2", "w2", "b2", dilations=[2, 2], pads=[2, 2, 2, 2]),
        node("Sub", "r1 c2", "difference"),
        node("Relu", "difference", "r2"),
        node("AveragePool", "r2", "pool2", kernel_shape=[2, 2], strides=[1, 1], pads=[1, 1, 0, 0], count_include_pad=1),
        node("Pad", "pool2 pads", "padded"),
        conv("padded", "c3", "w2", "b1", pads=[0, 1, 0, 1]),
        node("Relu", "c3", "features"),
    ]
    made = proto_of([*nodes, *HEAD], WEIGHTS | norm | {"shift": np.full((1, 3, 1, 1), 0.3)})
    pads = np.array([0, 0, 1, 0, 0, 0, 1, 0], np.int64)
    made.graph.initializer.append(numpy_helper.from_array(pads, "pads"))
    return prepare(model_of(made))


def of_neurons(settings, frames=False):
    """Two layers of neurons of a kind and a residual, for images, or for frames of events."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Add", "c2 r1", "sum"),
        node("Relu", "sum", "features"),
    ]
    model = model_of(proto_of([*nodes, *HEAD], WEIGHTS))
    model.input = InputSpec(3, 6, 6, mean=None if frames else MEAN, std=None if frames else STD)
    if frames:
        model.input = InputSpec(3, 6, 6, timesteps=settings.timesteps)
    return unroll(model, lambda _, site: build_neuron(settings, torch.tensor([0.7, 1.1, 0.9, 1.3])))


KINDS = {
    "mht": NeuronSettings("mht", timesteps=T, levels=3),
    "if": NeuronSettings("if", timesteps=T, levels=2),
    "if, hard": NeuronSettings("if", timesteps=T, reset="hard"),
    "lif": NeuronSettings("lif", timesteps=T, levels=2, decay=0.5),
    "lif, hard": NeuronSettings("lif", timesteps=T, levels=2, reset="hard", decay=0.25),
}


def integers(model, count=4, seed=0):
    """Pixels `[B, ...]`, or counts `[T, B, ...]`."""
    time = () if model.input.timesteps is None else (model.input.timesteps,)
    most = 255 if model.input.timesteps is None else 4
    return np.random.default_rng(seed).integers(0, most + 1, (*time, count, *model.input.sample_shape()))


def floats(model, given):
    """The same as the float network takes it, float64."""
    if model.input.timesteps is not None:
        return torch.from_numpy(given).double()
    along = [1, 1, 1, 3] if model.input.layout == "NHWC" else [1, 3, 1, 1]
    x = (given / 255 - np.reshape(MEAN, along)) / np.reshape(STD, along)
    return torch.from_numpy(x)
