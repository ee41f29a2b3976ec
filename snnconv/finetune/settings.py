"""How a network is trained: choices that every training has, and those of `train` and `finetune`."""

from __future__ import annotations

import difflib
import math
from dataclasses import asdict, dataclass
from typing import Any

from snnconv.errors import InvalidValueError
from snnconv.neurons import NeuronSettings
from snnconv.neurons.site import require_positive_int

__all__ = [
    "AUTO_AUGMENTS",
    "OPTIMIZERS",
    "SCHEDULERS",
    "FinetuneSettings",
    "LoopSettings",
    "TrainSettings",
    "demo_settings",
    "optimizer_name",
]

# Our names and timm's; timm's "sgd" is Nesterov's, the recipes' is not.
OPTIMIZERS = {"sgd": "momentum", "nesterov": "nesterov", "adam": "adam", "adamw": "adamw"}
SCHEDULERS = ("cosine", "step", "none")
AUTO_AUGMENTS = ("none", "autoaugment", "randaugment")
SITES = ("inner", "all")


def optimizer_name(name: str) -> str:
    """Timm's name of an optimizer.

    Raises:
        InvalidValueError: timm has none of that name; near ones are named.
    """
    from timm.optim import list_optimizers

    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    known = list_optimizers()
    if name not in known:
        near = difflib.get_close_matches(name, [*OPTIMIZERS, *known], n=4) or list(OPTIMIZERS)
        raise InvalidValueError(
            f"optimizer is {name!r}: it must be one of {', '.join(OPTIMIZERS)} or another of timm's; "
            f"near it: {', '.join(near)}."
        )
    return name


@dataclass(frozen=True)
class LoopSettings:
    """Choices that every training has.

    Attributes:
        epochs: passes over the data.
        batch_size: images that one step of the optimizer takes, over all processes; an incomplete last batch of an
            epoch is left out.
        accumulate: parts that a batch is split into, whose gradients are added up: less memory, the same step (but for
            batch-norm, which sees one part at a time).
        lr: learning rate at its highest.
        weight_decay: applied to every parameter: weights, biases, batch-norm, ceilings.
        momentum: of sgd and nesterov; other optimizers have their own.
        optimizer: sgd, nesterov, adam, adamw or another of timm's.
        scheduler: of the learning rate: cosine (to 0), step or none.
        step_epochs: of step: epochs between two steps.
        step_rate: of step: what the learning rate is multiplied by.
        warmup_epochs: epochs in which the learning rate rises linearly, counted in `epochs`.
        clip: the norm that gradients are scaled down to where it is exceeded; 0: not.
        ema: decay of the exponential moving average of the weights, which is then the result; 0: none.
        augment: shift and flip images up to 64 pixels, crop and flip larger ones; grey ones never flip, and frames of
            events are shifted only.
        auto_augment: none, autoaugment (torchvision's, of CIFAR-10 up to 64 pixels, else of ImageNet) or randaugment.
        cutout: side in pixels of a square that is erased from every image; 0: none.
        mixup: alpha of mixup; 0: none. timm's.
        cutmix: alpha of cutmix; 0: none. With both, each batch takes one of them.
        label_smoothing: share of the target that is spread over all classes.
        rmp_loss: weight of the membrane potential regulariser at mid-training (RMP-Loss); 0: none.
        rmp_sites: which sites it takes: inner (all but the first and the last) or all.
        distill_logits: weight of the distillation of the teacher's logits, where there is a teacher.
        distill_features: weight of the distillation of the teacher's activations at the sites.
        distill_temperature: of the logits.
        bf16: compute convolutions in bfloat16 (autocast); potentials stay in single precision.
        checkpoint_blocks: keep for the backward pass only what passes from block to block and compute the rest again
            (gradient checkpointing): less memory, the same step, about one more forward pass.
        channels_last: lay images out channels last, which is faster on most processors.
        workers: processes that load and augment; -1: none on a CPU, none where a GPU's memory holds all images, else up
            to 8.
        seed: of the order of the images and their augmentation, and of random weights.

    Raises:
        InvalidValueError: a value is outside what is allowed.
    """

    epochs: int = 300
    batch_size: int = 128
    accumulate: int = 1
    lr: float = 0.1
    weight_decay: float = 5e-4
    momentum: float = 0.9
    optimizer: str = "sgd"
    scheduler: str = "cosine"
    step_epochs: int = 90
    step_rate: float = 0.1
    warmup_epochs: int = 0
    clip: float = 0.0
    ema: float = 0.0
    augment: bool = True
    auto_augment: str = "none"
    cutout: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.0
    rmp_loss: float = 0.0
    rmp_sites: str = "inner"
    distill_logits: float = 1.0
    distill_features: float = 0.0
    distill_temperature: float = 4.0
    bf16: bool = False
    checkpoint_blocks: bool = False
    channels_last: bool = True
    workers: int = -1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "step_epochs"):
            require_positive_int(name, getattr(self, name))
        for name in ("lr", "distill_temperature"):
            self._require(name, 0 < getattr(self, name) < math.inf, "a finite number above 0")
        for name in ("weight_decay", "clip", "mixup", "cutmix", "rmp_loss", "distill_logits", "distill_features"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "a finite number of at least 0")
        for name in ("momentum", "label_smoothing", "ema"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        self._require("step_rate", 0 < self.step_rate <= 1, "above 0 and at most 1")
        self._require("cutout", isinstance(self.cutout, int) and self.cutout >= 0, "a whole number of at least 0")
        self._require("workers", isinstance(self.workers, int) and self.workers >= -1, "-1 or more")
        optimizer_name(self.optimizer)
        self._require("scheduler", self.scheduler in SCHEDULERS, f"one of {', '.join(SCHEDULERS)}")
        self._require("auto_augment", self.auto_augment in AUTO_AUGMENTS, f"one of {', '.join(AUTO_AUGMENTS)}")
        self._require("rmp_sites", self.rmp_sites in SITES, f"one of {', '.join(SITES)}")
        self._require("seed", 0 <= self.seed < 2**63, "at least 0 and below 2^63")
        self._require("warmup_epochs", 0 <= self.warmup_epochs < self.epochs, f"0 to {self.epochs - 1}, below epochs")
        warms = self.warmup_epochs == 0 or self.scheduler != "none"
        self._require("warmup_epochs", warms, "0 where the scheduler is none")
        parts = self.batch_size % self.accumulate == 0
        self._require("accumulate", parts, f"a divisor of batch_size, which is {self.batch_size}")

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise InvalidValueError(f"{name} is {getattr(self, name)!r}: it must be {allowed}.")

    @classmethod
    def require(cls, given: object) -> None:
        """Refuse settings of another kind.

        Raises:
            InvalidValueError: they are none of this class.
        """
        if not isinstance(given, cls):
            raise InvalidValueError(f"settings is a {type(given).__name__}: it must be a {cls.__name__}.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True)
class TrainSettings(LoopSettings):
    """Choices of `train`; the defaults are the recipe of QCFS (Bu et al., ICLR 2022).

    Attributes:
        total_levels: N, levels of every quantized activation above 0; not used with `neuron`.
        initial_ceiling: ceiling λ of every quantized activation at the start, in units of the activation; where the
            network's own activation saturates lower, that is the start.
        average_pool: replace max-pooling by average pooling before training.
        neuron: train a spiking network of such neurons from scratch; None: a quantized ANN (QCFS).
        threshold_norm: of spiking networks: start batch-norms at the neurons' threshold (tdBN).
        train_ceilings: of spiking networks: train thresholds too; a quantized ANN's ceilings are always trained.
    """

    total_levels: int = 8
    initial_ceiling: float = 8.0
    average_pool: bool = True
    neuron: NeuronSettings | None = None
    threshold_norm: bool = True
    train_ceilings: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive_int("total_levels", self.total_levels)
        known = self.neuron is None or isinstance(self.neuron, NeuronSettings)
        self._require("neuron", known, "None or a NeuronSettings, as NeuronSettings('lif', 4)")
        self._require("initial_ceiling", 0 < self.initial_ceiling < math.inf, "a finite number above 0")
        if self.rmp_loss and self.neuron is None:
            raise InvalidValueError(
                f"rmp_loss is {self.rmp_loss!r}, but it regularises membrane potentials, which only neurons have: give "
                "neuron too, as NeuronSettings('lif', 4), or leave rmp_loss out."
            )
        if self.rmp_loss and self.neuron is not None and self.neuron.kind == "mlf":
            raise InvalidValueError(
                f"rmp_loss is {self.rmp_loss!r}, but it does not work with neurons of the kind mlf, which have several "
                "membranes: leave it out."
            )


@dataclass(frozen=True)
class FinetuneSettings(LoopSettings):
    """Choices of `finetune`; learning rate, weight decay and epochs are the hybrid recipe of LM-HT (Hao et al., 2024).

    Attributes:
        neuron: mht, lmht, if, lif or mlf; None: lmht of a mean-coupled file, else the file's own.
        timesteps: T of the result; None: the file's own.
        levels: L of the result; None: the file's own.
        mpr: train with the membrane potential rectifier.
        train_ceilings: train thresholds too.
        calibration_images: training images that ceilings are calibrated with where T or L changes.
    """

    epochs: int = 30
    lr: float = 5e-4
    neuron: str | None = None
    timesteps: int | None = None
    levels: int | None = None
    mpr: bool = False
    train_ceilings: bool = False
    calibration_images: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("timesteps", "levels"):
            if getattr(self, name) is not None:
                require_positive_int(name, getattr(self, name))
        require_positive_int("calibration_images", self.calibration_images)
        if self.neuron is not None:
            NeuronSettings(self.neuron)


def demo_settings() -> TrainSettings:
    """Settings that bring `zoo:small-cnn` to about 99 % on `digits` in about ten seconds on two cores."""
    return TrainSettings(epochs=25, batch_size=64, initial_ceiling=4.0)
