"""Settings of `train` and of `finetune`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from snnconv.errors import InvalidValueError
from snnconv.finetune.settings.loop import LoopSettings
from snnconv.neuron_options import NEURON_WORDS
from snnconv.options import MOST_LEVELS, MOST_TIMESTEPS, documented, option, with_default

if TYPE_CHECKING:  # the command line makes its options of these settings without torch
    from snnconv.neurons import NeuronSettings

__all__ = ["FinetuneSettings", "TrainSettings", "demo_settings", "neuron_names", "why_no_rmp_loss"]


def neuron_names() -> tuple[str, ...]:
    """Return the names of the neurons that a network can be trained with."""
    from snnconv.neurons import NEURONS

    return tuple(NEURONS)


def why_no_rmp_loss(neuron: str) -> str | None:
    """Return the reason why a neuron is not trained with RMP-Loss; None where it can be.

    Args:
        neuron: Name of the neuron.
    """
    from snnconv.neurons import NoForm
    from snnconv.neurons.capabilities import capabilities_named

    form = capabilities_named(neuron).rmp_loss
    return form.reason if isinstance(form, NoForm) else None


@documented
@dataclass(frozen=True)
class TrainSettings(LoopSettings):
    """Settings of `train`; the defaults are the recipe of QCFS (Bu et al., ICLR 2022).

    With `neuron`, a `NeuronSettings`, a spiking network of such neurons is trained from scratch; without it, a
    quantized ANN (QCFS).

    Raises:
        InvalidValueError: A value is outside what is allowed, or does not go with another.
    """

    total_levels: int = option(
        8,
        "Levels N of every quantized activation above 0, for N = L*T later; not used with a neuron.",
        names=("-N", "--total-levels"),
        least=1,
        most=MOST_LEVELS,
    )
    initial_ceiling: float = option(
        8.0,
        "Ceiling λ of every quantized activation at the start, in units of the activation. A network's own activation "
        "that saturates lower starts there.",
        above=0,
    )
    average_pool: bool = option(
        True, "Pooling of the network: averages in place of maxima.", names=("--average-pool/--max-pool",)
    )
    whitening: bool = option(
        False,
        "First convolution: eigenvectors of the training images' patches, scaled to unit variance, of both signs; its "
        "weights are not trained further.",
    )
    neuron: NeuronSettings | None = None
    threshold_norm: bool = option(
        True,
        "Start of the batch-norms of a spiking network: at the neurons' threshold (tdBN), or as they are.",
        names=("--threshold-norm/--plain-norm",),
    )
    train_ceilings: bool = option(
        False, "Training of a spiking network's thresholds too; a quantized network's ceilings are always trained."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.neuron is not None:
            from snnconv.neurons import NeuronSettings

            known = isinstance(self.neuron, NeuronSettings)
            self._require("neuron", known, "None or a NeuronSettings, as NeuronSettings('lif', 4)")
        if self.rmp_loss and self.neuron is None:
            raise InvalidValueError(
                f"rmp_loss is {self.rmp_loss!r}, but it regularises membrane potentials, which only neurons have: give "
                "neuron too, as NeuronSettings('lif', 4), or leave rmp_loss out."
            )
        refusal = None if self.neuron is None else why_no_rmp_loss(self.neuron.kind)
        if self.rmp_loss and self.neuron is not None and refusal is not None:
            raise InvalidValueError(
                f"rmp_loss is {self.rmp_loss!r}, but it does not work with neurons of the kind {self.neuron.kind}: "
                f"{refusal}. Leave it out."
            )


@documented
@dataclass(frozen=True)
class FinetuneSettings(LoopSettings):
    """Settings of `finetune`; learning rate, weight decay and epochs are the hybrid recipe of LM-HT (Hao et al., 2024).

    Raises:
        InvalidValueError: A value is outside what is allowed, or does not go with another.
    """

    epochs: int = with_default(LoopSettings, "epochs", 30)
    lr: float = with_default(LoopSettings, "lr", 5e-4)
    neuron: str | None = option(
        None,
        f"Neuron that the sites become: {NEURON_WORDS}.",
        choices=neuron_names,
        metavar="NAME",
        otherwise="lmht of a mean-coupled file, else the file's own",
    )
    timesteps: int | None = option(
        None,
        "Time steps T of the result.",
        names=("-T", "--timesteps"),
        metavar="T",
        least=1,
        most=MOST_TIMESTEPS,
        otherwise="the file's own",
    )
    levels: int | None = option(
        None,
        "Firing levels L of the result.",
        names=("-L", "--levels"),
        metavar="L",
        least=1,
        most=MOST_LEVELS,
        otherwise="the file's own",
    )
    mpr: bool = option(False, "Training with the membrane potential rectifier.")
    train_ceilings: bool = option(False, "Training of thresholds too.")
    calibration_images: int = option(1024, "Training images that calibrate the ceilings where T or L changes.", least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.neuron is not None:
            from snnconv.neurons import NeuronSettings

            NeuronSettings(self.neuron)


def demo_settings() -> TrainSettings:
    """Return settings that bring `zoo:small-cnn` to about 99 % on `digits` in about ten seconds on two cores."""
    return TrainSettings(epochs=25, batch_size=64, initial_ceiling=4.0)
