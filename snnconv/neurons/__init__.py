"""What a site can be. Each file: equation, symbols, pure function, module."""

from snnconv.neurons.catalogue import NEURONS, NeuronSettings, build_neuron
from snnconv.neurons.coupling import Coupling, couple
from snnconv.neurons.integrate import IntegrateAndFire, integrate_and_fire
from snnconv.neurons.leaky import Leaky, leaky
from snnconv.neurons.learnable import LearnableMultiThreshold, coupling_matrix, leak_factor
from snnconv.neurons.multilevel import MultiLevel, multilevel
from snnconv.neurons.multithreshold import MultiThreshold, multithreshold
from snnconv.neurons.quantized import QCFS, qcfs
from snnconv.neurons.rectifier import rectify
from snnconv.neurons.site import Site, SpikingSite
from snnconv.neurons.surrogate import SURROGATES, Surrogate, fire, parse_surrogate, spike
from snnconv.neurons.threshold_norm import scale_to_threshold
from snnconv.neurons.time import Fold, Repeat, Steps, TimeMean, fold_time, unfold_time

__all__ = [
    "NEURONS",
    "QCFS",
    "SURROGATES",
    "Coupling",
    "Fold",
    "IntegrateAndFire",
    "Leaky",
    "LearnableMultiThreshold",
    "MultiLevel",
    "MultiThreshold",
    "NeuronSettings",
    "Repeat",
    "Site",
    "SpikingSite",
    "Steps",
    "Surrogate",
    "TimeMean",
    "build_neuron",
    "couple",
    "coupling_matrix",
    "fire",
    "fold_time",
    "integrate_and_fire",
    "leak_factor",
    "leaky",
    "multilevel",
    "multithreshold",
    "parse_surrogate",
    "qcfs",
    "rectify",
    "scale_to_threshold",
    "spike",
    "unfold_time",
]
