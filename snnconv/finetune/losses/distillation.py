r"""Distillation from the ANN: its logits, and its activations at the sites.

    L_logits   = τ²·KL(softmax(teacher/τ) || softmax(student/τ))        (Hinton et al., 2015)
    L_features = mean over sites of  mean((a_student - a_teacher)²) / mean(a_teacher²)

Symbols: τ temperature, a activations; of a layer of neurons the time mean of its output currents, which has the units
of the activation that it came from, and under differential coupling the value after the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from snnconv.errors import ModelError
from snnconv.finetune.recomputation import recomputing
from snnconv.graph.hooks import hooked
from snnconv.model import Model
from snnconv.neurons import Coupling, SpikingSite, unfold_time
from snnconv.spiking.sites import iter_sites

__all__ = ["Distillation", "feature_loss", "logit_loss", "sites_that_differ"]


def logit_loss(student: Tensor, teacher: Tensor, temperature: float = 4.0) -> Tensor:
    """Return τ²·KL(teacher || student) of logits `[B, classes]`, mean over the batch."""
    log_student = F.log_softmax(student / temperature, 1)
    log_teacher = F.log_softmax(teacher / temperature, 1)
    return temperature**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of two activations of one shape, relative to the teacher's mean square."""
    return (student - teacher).square().mean() / teacher.square().mean().clamp(min=1e-12)


def sites_that_differ(student: fx.GraphModule, teacher: fx.GraphModule) -> list[str]:
    """Return the names of the sites that only one network has, or that have other shapes in the other."""
    shapes, teacher_shapes = (
        {str(node.target): tuple(node.meta["shape"]) for node, _ in iter_sites(graph)} for graph in (student, teacher)
    )
    names = shapes.keys() | teacher_shapes.keys()
    return sorted(name for name in names if shapes.get(name) != teacher_shapes.get(name))


class Distillation:
    """Comparison of a student with a teacher that runs beside it.

    Args:
        student: Network in training.
        teacher: ANN of the same classes, in evaluation mode, on the same device; prepared as the student was
            (`convert.prepare`), so that its sites have the same names.
        logits: Weight of the logits.
        features: Weight of the activations.
        temperature: τ.

    Raises:
        ModelError: Activations have a weight, and the networks have not the same sites.
    """

    def __init__(
        self, student: fx.GraphModule, teacher: Model, *, logits: float, features: float, temperature: float
    ) -> None:
        self.teacher = teacher.graph.eval()
        self.logits, self.features, self.temperature = logits, features, temperature
        self.activations: dict[str, Tensor] = {}
        self.targets: dict[str, Tensor] = {}
        self.sites = {str(node.target): site for node, site in iter_sites(student)}
        self.teacher_sites = {str(node.target): site for node, site in iter_sites(self.teacher)}
        differing = sites_that_differ(student, self.teacher) if features else []
        if differing:
            raise ModelError(
                "Activations can be compared where the teacher has the student's sites, of the same shapes; these "
                f"differ: {', '.join(differing[:5])}. Give the ANN that the SNN was converted from, or "
                "--distill-features 0."
            )

    def __enter__(self) -> Distillation:
        self.watching = ExitStack()
        if self.features:
            students = [(site, _storing(self.activations, name, training=True)) for name, site in self.sites.items()]
            teachers = [
                (site, _storing(self.targets, name, training=False)) for name, site in self.teacher_sites.items()
            ]
            self.watching.enter_context(hooked([*students, *teachers]))
        return self

    def __exit__(self, *_: object) -> None:
        self.watching.close()

    def loss(self, x: Tensor, logits: Tensor) -> Tensor:
        """Return the weighted sum for a batch `x` and the `logits` that the student has just computed for it."""
        with torch.no_grad():
            out = self.teacher(x)
        total = self.logits * logit_loss(logits, out[0] if isinstance(out, tuple) else out, self.temperature)
        if self.features:
            pairs = [(self.activations[name].to(target.dtype), target) for name, target in self.targets.items()]
            losses = [feature_loss(activation, target) for activation, target in pairs]
            total = total + self.features * torch.stack(losses).mean()
        self.activations.clear()
        self.targets.clear()
        return total


def _storing(store: dict[str, Tensor], name: str, *, training: bool) -> Callable[[nn.Module, object, Tensor], None]:
    """Return a hook that stores a site's activation; the student's only in training, not in evaluation."""

    def hook(site: nn.Module, _: object, out: Tensor) -> None:
        if site.training != training:
            return
        activation = _activation(site, out) if isinstance(site, SpikingSite) else out
        if not recomputing():
            store[name] = activation

    return hook


def _activation(site: SpikingSite, out: Tensor) -> Tensor:
    """Return what the readers of a layer of neurons make of its whole window, `[B, ...]`."""
    steps = unfold_time(out, site.timesteps)
    return steps[-1] if site.coupling is Coupling.DIFFERENTIAL else steps.mean(0)
