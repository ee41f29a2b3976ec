"""M-HT, the multi-threshold neuron."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, OnnxForm, Supported
from snnconv.neurons.mht import forms
from snnconv.neurons.mht.function import multithreshold
from snnconv.neurons.mht.module import MultiThreshold
from snnconv.neurons.mht.onnx import TEXTS, emit_multithreshold, read_multithreshold
from snnconv.neurons.mht.step import STEP
from snnconv.neurons.qcfs.forms import collapsed
from snnconv.neurons.shared_forms import FIRES_ONLY, LEVEL_SPIKES, SPIKES_ALREADY, highest_level, turn_mpr_on

__all__ = ["MultiThreshold", "multithreshold"]

register_neuron(
    Capabilities(
        title="M-HT",
        written_as="MultiThreshold",
        names=forms.NAMES,
        onnx=OnnxForm(TEXTS, read_multithreshold, emit_multithreshold),
        step=STEP,
        integers=forms.integers,
        nir=forms.nir,
        int8=forms.start,
        engine=LevelRule(forms.start),
        collapse=collapsed,
        spiking=SPIKES_ALREADY,
        single_threshold=forms.single_threshold,
        signed=Supported(),
        other_coupling=forms.coupled,
        start=forms.START,
        other_timesteps=forms.recalibrated,
        other_levels=forms.recalibrated,
        become_lmht=forms.become_lmht,
        observed_levels=highest_level,
        trained=Supported(),
        rmp_loss=Supported(),
        mpr=turn_mpr_on,
        update=forms.update,
        spikes=LEVEL_SPIKES,
        kernels="snnconv.neurons.mht.kernels",
        telling=FIRES_ONLY,
    )
)(MultiThreshold)
