"""IF and LIF, the (leaky) integrate-and-fire neuron."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, NoForm, OnnxForm, Supported
from snnconv.neurons.lif import forms
from snnconv.neurons.lif.function import Reset, lif
from snnconv.neurons.lif.module import LIF
from snnconv.neurons.lif.onnx import TEXTS, emit_lif, read_lif
from snnconv.neurons.lif.step import STEP
from snnconv.neurons.qcfs.forms import collapsed
from snnconv.neurons.shared_forms import highest_level, retimed_alone, turn_mpr_on

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
        int8=NoForm("8-bit levels are written of M-HT neurons only: train or convert with --neuron mht"),
        engine=LevelRule(),
        collapse=collapsed,
        spiking=NoForm("it spikes already"),
        single_threshold=forms.single_threshold,
        signed=NoForm("it fires no negative spikes"),
        other_coupling=NoForm("neurons of this kind leak or reset in their own way, and have no other coupling"),
        start=NoForm("it starts at 0"),
        other_timesteps=retimed_alone,
        other_levels=NoForm("only mht and lmht can be calibrated for other levels"),
        become_lmht=NoForm("only mean-coupled mht can become lmht"),
        observed_levels=highest_level,
        rmp_loss=Supported(),
        mpr=turn_mpr_on,
        update=forms.update,
        kernels="snnconv.neurons.lif.kernels",
    )
)(LIF)
