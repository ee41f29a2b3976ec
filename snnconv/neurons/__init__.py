"""What a site can be. Each file: equation, symbols, pure function, module."""

from snnconv.neurons.multithreshold import Coupling, MultiThreshold, couple, multithreshold
from snnconv.neurons.quantized import QCFS, qcfs
from snnconv.neurons.site import Site
from snnconv.neurons.time import Repeat, Steps, TimeMean, fold_time, unfold_time

__all__ = [
    "QCFS",
    "Coupling",
    "MultiThreshold",
    "Repeat",
    "Site",
    "Steps",
    "TimeMean",
    "couple",
    "fold_time",
    "multithreshold",
    "qcfs",
    "unfold_time",
]
