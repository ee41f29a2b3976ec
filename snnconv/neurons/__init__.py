"""The kinds of sites, one folder each, and what they have in common.

A folder holds the kind's equation and function, its module, its ONNX functions, and its other forms. Folders of this
package register themselves when it is imported; another package's kinds do so with `register_neuron`.
"""

from importlib import import_module
from pkgutil import iter_modules

from snnconv.neurons.bipolar import BipolarMultiThreshold, bipolar_multithreshold
from snnconv.neurons.capabilities import (
    KINDS,
    NEURONS,
    Capabilities,
    capabilities_of,
    no_forms,
    reasons_against,
    register_neuron,
)
from snnconv.neurons.catalogue import NeuronSettings, build_neuron
from snnconv.neurons.code import Code
from snnconv.neurons.coupling import Coupling, couple
from snnconv.neurons.forms import NoForm
from snnconv.neurons.lif import LIF
from snnconv.neurons.lmht import LearnableMultiThreshold, coupling_matrix, leak_factor
from snnconv.neurons.mht import MultiThreshold, multithreshold
from snnconv.neurons.mlf import MultiLevel, multilevel
from snnconv.neurons.nir_if import NIRNeuron, integrate_and_fire
from snnconv.neurons.qcfs import QCFS
from snnconv.neurons.rectifier import rectify
from snnconv.neurons.sigma_delta import SigmaDelta, sigma_delta
from snnconv.neurons.site import QuantizedSite, Site, SpikingSite
from snnconv.neurons.surrogate import SURROGATES, Surrogate, fire, parse_surrogate, spike
from snnconv.neurons.threshold_norm import scale_to_threshold
from snnconv.neurons.time import Fold, Increments, LastStep, Repeat, Steps, TimeMean, fold_time, unfold_time

__all__ = [
    "KINDS",
    "LIF",
    "NEURONS",
    "QCFS",
    "SURROGATES",
    "BipolarMultiThreshold",
    "Capabilities",
    "Code",
    "Coupling",
    "Fold",
    "Increments",
    "LastStep",
    "LearnableMultiThreshold",
    "MultiLevel",
    "MultiThreshold",
    "NIRNeuron",
    "NeuronSettings",
    "NoForm",
    "QuantizedSite",
    "Repeat",
    "SigmaDelta",
    "Site",
    "SpikingSite",
    "Steps",
    "Surrogate",
    "TimeMean",
    "bipolar_multithreshold",
    "build_neuron",
    "capabilities_of",
    "couple",
    "coupling_matrix",
    "fire",
    "fold_time",
    "integrate_and_fire",
    "leak_factor",
    "multilevel",
    "multithreshold",
    "no_forms",
    "parse_surrogate",
    "reasons_against",
    "rectify",
    "register_neuron",
    "scale_to_threshold",
    "sigma_delta",
    "spike",
    "unfold_time",
]

for _folder in iter_modules(__path__):
    if _folder.ispkg:
        import_module(f"{__name__}.{_folder.name}")
