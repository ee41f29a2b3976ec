"""Bipolar M-HT, the neuron that takes levels back: differential coupling, code uniform."""

from snnconv.neurons.bipolar import forms
from snnconv.neurons.bipolar.function import bipolar_multithreshold
from snnconv.neurons.bipolar.module import BipolarMultiThreshold
from snnconv.neurons.bipolar.onnx import TEXTS, emit_bipolar, read_bipolar
from snnconv.neurons.bipolar.step import STEP
from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import NoForm, OnnxForm, Supported
from snnconv.neurons.qcfs.forms import collapsed
from snnconv.neurons.shared_forms import SPIKES_ALREADY

__all__ = ["BipolarMultiThreshold", "bipolar_multithreshold"]

_POTENTIAL = NoForm("it decides on a sum of levels, not on a membrane potential that a regulariser knows")
_TAKES_BACK = NoForm(
    "it takes spikes back, which this format's neurons cannot: convert with --coupling causal, whose neurons only "
    "fire, or export --to hardware"
)

register_neuron(
    Capabilities(
        title="Bipolar M-HT",
        written_as="BipolarMultiThreshold",
        names=NoForm("conversion makes it of a quantized network: --coupling differential --code uniform"),
        onnx=OnnxForm(TEXTS, read_bipolar, emit_bipolar),
        step=STEP,
        integers=forms.integers,
        nir=_TAKES_BACK,
        int8=_TAKES_BACK,
        engine=NoForm("it tells means of what it fired so far, which are no levels"),
        collapse=collapsed,
        spiking=SPIKES_ALREADY,
        single_threshold=_TAKES_BACK,
        signed=Supported(),
        other_coupling=forms.coupled,
        start=NoForm("it starts at θ/2, where its sum is the level of its quantized network"),
        other_timesteps=forms.recalibrated,
        other_levels=forms.recalibrated,
        become_lmht=NoForm("LM-HT's coupling starts as the mean of the window, and its neurons take nothing back"),
        observed_levels=_POTENTIAL,
        trained=Supported(),
        rmp_loss=_POTENTIAL,
        mpr=_POTENTIAL,
        update=forms.update,
        spikes=forms.SPIKES,
        kernels=NoForm("no kernel is written for it: it is computed with torch's operators"),
        telling=forms.telling,
    )
)(BipolarMultiThreshold)
