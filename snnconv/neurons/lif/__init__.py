"""IF and LIF, the (leaky) integrate-and-fire neuron."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, OnnxForm, Supported
from snnconv.neurons.lif import forms
from snnconv.neurons.lif.function import Reset, lif
from snnconv.neurons.lif.module import LIF
from snnconv.neurons.lif.onnx import TEXTS, emit_lif, read_lif
from snnconv.neurons.lif.step import STEP
from snnconv.neurons.qcfs.forms import collapsed
from snnconv.neurons.shared_forms import (
    FIRES_ONLY,
    FIXED_LEVELS,
    LEVEL_SPIKES,
    NO_BYTES,
    NOT_MHT,
    ONE_COUPLING,
    SPIKES_ALREADY,
    STARTS_AT_0,
    UNSIGNED,
    highest_level,
    retimed_alone,
    turn_mpr_on,
)

__all__ = ["LIF", "Reset", "lif"]

register_neuron(
    Capabilities(
        title="IF, LIF",
        written_as="Leaky",
        names=forms.NAMES,
        onnx=OnnxForm(TEXTS, read_lif, emit_lif),
        step=STEP,
        integers=forms.integers,
        nir=forms.nir,
        int8=NO_BYTES,
        engine=LevelRule(),
        collapse=collapsed,
        spiking=SPIKES_ALREADY,
        single_threshold=forms.single_threshold,
        signed=UNSIGNED,
        other_coupling=ONE_COUPLING,
        start=STARTS_AT_0,
        other_timesteps=retimed_alone,
        other_levels=FIXED_LEVELS,
        become_lmht=NOT_MHT,
        observed_levels=highest_level,
        trained=Supported(),
        rmp_loss=Supported(),
        mpr=turn_mpr_on,
        update=forms.update,
        spikes=LEVEL_SPIKES,
        kernels="snnconv.neurons.lif.kernels",
        telling=FIRES_ONLY,
    )
)(LIF)
