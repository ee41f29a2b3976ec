"""NIR's own IF and LIF neurons, which other people's files hold."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, NoForm, OnnxForm
from snnconv.neurons.nir_if import forms
from snnconv.neurons.nir_if.function import integrate_and_fire
from snnconv.neurons.nir_if.module import NIRNeuron
from snnconv.neurons.nir_if.onnx import TEXTS, emit_integrate, read_integrate
from snnconv.neurons.shared_forms import FIRES_ONLY, LEVEL_SPIKES, ONE_COUPLING, SPIKES_ALREADY, UNSIGNED

__all__ = ["NIRNeuron", "integrate_and_fire"]

_NOT_TRAINED = NoForm(
    "The neurons of a NIR file are run, not trained: fine-tune the network that the file was written from"
)
_NOT_WRITTEN = NoForm(
    "the neurons of a NIR file are written to ONNX and NIR only: export the network that the file was written from"
)

register_neuron(
    Capabilities(
        title="NIR's IF, LIF",
        written_as="IntegrateAndFire",
        names=_NOT_TRAINED,
        onnx=OnnxForm(TEXTS, read_integrate, emit_integrate),
        step=_NOT_WRITTEN,
        integers=_NOT_WRITTEN,
        nir=forms.nir,
        int8=_NOT_WRITTEN,
        engine=LevelRule(),
        collapse=NoForm("The neurons of a NIR file have no quantized form: their ceilings are not known"),
        spiking=SPIKES_ALREADY,
        single_threshold=forms.single_threshold,
        signed=UNSIGNED,
        other_coupling=ONE_COUPLING,
        start=_NOT_TRAINED,
        other_timesteps=_NOT_TRAINED,
        other_levels=_NOT_TRAINED,
        become_lmht=_NOT_TRAINED,
        observed_levels=NoForm("the potentials of a NIR file's neurons are not shown to observers"),
        trained=_NOT_TRAINED,
        rmp_loss=_NOT_TRAINED,
        mpr=_NOT_TRAINED,
        update=forms.update,
        spikes=LEVEL_SPIKES,
        kernels=NoForm(
            "no kernel is written for neurons that are not trained: they are computed with torch's operators"
        ),
        telling=FIRES_ONLY,
    )
)(NIRNeuron)
