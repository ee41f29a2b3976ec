"""LM-HT, the multi-threshold neuron with learned coupling and leak."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, NoForm, OnnxForm, Supported
from snnconv.neurons.lmht import forms
from snnconv.neurons.lmht.function import coupling_matrix, leak_factor
from snnconv.neurons.lmht.module import LearnableMultiThreshold
from snnconv.neurons.lmht.onnx import TEXTS, emit_learnable, read_learnable
from snnconv.neurons.mht.forms import coupled
from snnconv.neurons.qcfs.forms import collapsed
from snnconv.neurons.shared_forms import FIRES_ONLY, LEVEL_SPIKES, NO_BYTES, SPIKES_ALREADY, highest_level, turn_mpr_on

__all__ = ["LearnableMultiThreshold", "coupling_matrix", "leak_factor"]

_WINDOW = NoForm(
    "its learned coupling mixes the steps of a window: convert with --coupling causal, or train with --neuron if, lif "
    "or mht"
)

register_neuron(
    Capabilities(
        title="LM-HT",
        written_as="LearnableMultiThreshold",
        names=forms.NAMES,
        onnx=OnnxForm(TEXTS, read_learnable, emit_learnable),
        step=_WINDOW,
        integers=_WINDOW,
        nir=_WINDOW,
        int8=NO_BYTES,
        engine=LevelRule(),
        collapse=collapsed,
        spiking=SPIKES_ALREADY,
        single_threshold=_WINDOW,
        signed=Supported(),
        other_coupling=coupled,
        start=NoForm("causal calibration is of causally coupled neurons"),
        other_timesteps=forms.recalibrated,
        other_levels=forms.recalibrated,
        become_lmht=NoForm("it is LM-HT already"),
        observed_levels=highest_level,
        trained=Supported(),
        rmp_loss=Supported(),
        mpr=turn_mpr_on,
        update=forms.update,
        spikes=LEVEL_SPIKES,
        kernels="snnconv.neurons.mht.kernels",
        telling=FIRES_ONLY,
    )
)(LearnableMultiThreshold)
