"""MLF, multi-level firing."""

from snnconv.neurons.capabilities import Capabilities, register_neuron
from snnconv.neurons.forms import LevelRule, NoForm, OnnxForm, Supported
from snnconv.neurons.mlf import forms
from snnconv.neurons.mlf.function import multilevel
from snnconv.neurons.mlf.module import MultiLevel
from snnconv.neurons.mlf.onnx import TEXTS, emit_multilevel, read_multilevel
from snnconv.neurons.mlf.step import STEP
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
    retimed_alone,
)

__all__ = ["MultiLevel", "multilevel"]

_SEVERAL = NoForm("neurons of the kind MultiLevel have several membranes: train with --neuron if or lif")

register_neuron(
    Capabilities(
        title="MLF",
        written_as="MultiLevel",
        names=forms.NAMES,
        onnx=OnnxForm(TEXTS, read_multilevel, emit_multilevel),
        step=STEP,
        integers=NoForm(
            "only IF, LIF and M-HT neurons have an integer form: train or convert with --neuron mht, if or lif"
        ),
        nir=_SEVERAL,
        int8=NO_BYTES,
        engine=LevelRule(),
        collapse=collapsed,
        spiking=SPIKES_ALREADY,
        single_threshold=_SEVERAL,
        signed=UNSIGNED,
        other_coupling=ONE_COUPLING,
        start=STARTS_AT_0,
        other_timesteps=retimed_alone,
        other_levels=FIXED_LEVELS,
        become_lmht=NOT_MHT,
        observed_levels=forms.observed_levels,
        trained=Supported(),
        rmp_loss=NoForm("RMP-Loss is of neurons with one membrane; MLF neurons have several"),
        mpr=NoForm("MPR is of neurons with one membrane; MLF neurons have several"),
        update=forms.update,
        spikes=LEVEL_SPIKES,
        kernels=NoForm("no kernel is written for several membranes: they are computed with torch's operators"),
        telling=FIRES_ONLY,
    )
)(MultiLevel)
