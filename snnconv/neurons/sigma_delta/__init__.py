"""Sigma-delta, the neuron that tells changes of its value: differential coupling, code power-of-two."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import NoForm, OnnxForm, Supported
from snnconv.neurons.shared_forms import SPIKES_ALREADY, retimed_alone
from snnconv.neurons.sigma_delta import forms
from snnconv.neurons.sigma_delta.function import NEAREST, sigma_delta
from snnconv.neurons.sigma_delta.module import SigmaDelta
from snnconv.neurons.sigma_delta.onnx import TEXTS, emit_sigma_delta, read_sigma_delta
from snnconv.neurons.sigma_delta.step import STEP

__all__ = ["NEAREST", "SigmaDelta", "sigma_delta"]

_POTENTIAL = NoForm("it tracks a value, and has no membrane potential that a regulariser knows")
_SENDS_BACK = NoForm(
    "it sends messages of many sizes and both signs, and this format has no neurons that do: convert with --coupling "
    "causal, whose neurons only fire, or export --to hardware"
)

register_neuron(
    Capabilities(
        title="Sigma-delta",
        written_as="SigmaDelta",
        names=NoForm("conversion makes it of a trained network: --coupling differential"),
        onnx=OnnxForm(TEXTS, read_sigma_delta, emit_sigma_delta),
        step=STEP,
        integers=forms.integers,
        nir=_SENDS_BACK,
        int8=_SENDS_BACK,
        engine=NoForm("it tells sums of powers of two, which are no levels"),
        collapse=NoForm("Sigma-delta neurons approach the activation itself, so no quantized network equals them"),
        spiking=SPIKES_ALREADY,
        single_threshold=_SENDS_BACK,
        signed=Supported(),
        other_coupling=NoForm(
            "sigma-delta neurons have thresholds and messages of their own: convert the ANN with the other coupling"
        ),
        start=NoForm("it has a calibration of its own"),
        other_timesteps=retimed_alone,
        other_levels=NoForm("they have octaves, not levels"),
        become_lmht=NoForm("LM-HT's neurons fire levels, and send nothing back"),
        observed_levels=_POTENTIAL,
        trained=Supported(),
        rmp_loss=_POTENTIAL,
        mpr=_POTENTIAL,
        update=forms.update,
        spikes=forms.SPIKES,
        kernels=NoForm("no kernel is written for it: it is computed with torch's operators"),
        telling=forms.telling,
    )
)(SigmaDelta)
