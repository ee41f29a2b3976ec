"""QCFS, the quantized activation of an ANN that multi-threshold neurons equal."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, NoForm, OnnxForm, Supported
from snnconv.neurons.qcfs import forms
from snnconv.neurons.qcfs.function import qcfs
from snnconv.neurons.qcfs.module import QCFS
from snnconv.neurons.qcfs.onnx import TEXTS, emit_qcfs, read_qcfs
from snnconv.neurons.shared_forms import FIRES_ONLY

__all__ = ["QCFS", "qcfs"]

_NO_STEPS = NoForm("a quantized activation has no time steps: convert it first")
_NO_MEMBRANE = NoForm("a quantized activation has no membrane")

register_neuron(
    Capabilities(
        title="QCFS",
        written_as="QCFS",
        names=NoForm("a quantized activation is no neuron: train it without --neuron, then convert the network"),
        onnx=OnnxForm(TEXTS, read_qcfs, emit_qcfs),
        step=_NO_STEPS,
        integers=forms.integers,
        nir=_NO_STEPS,
        int8=forms.start,
        engine=LevelRule(forms.start),
        collapse=NoForm("a quantized activation has no time steps to collapse"),
        spiking=forms.SPIKING,
        single_threshold=_NO_STEPS,
        signed=Supported(),
        other_coupling=_NO_STEPS,
        start=_NO_STEPS,
        other_timesteps=_NO_STEPS,
        other_levels=_NO_STEPS,
        become_lmht=_NO_STEPS,
        observed_levels=_NO_MEMBRANE,
        trained=Supported(),
        rmp_loss=_NO_MEMBRANE,
        mpr=_NO_MEMBRANE,
        update=forms.update,
        spikes=forms.SPIKES,
        kernels="snnconv.neurons.mht.kernels",
        telling=FIRES_ONLY,
    )
)(QCFS)
