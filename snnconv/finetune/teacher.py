"""The network that another is distilled from."""

from __future__ import annotations

from snnconv.errors import ModelError
from snnconv.finetune.fitting import class_count
from snnconv.finetune.losses.distillation import sites_that_differ
from snnconv.loading import ModelLike, load_beside
from snnconv.model import SNN, Model
from snnconv.spiking.plan import prepare

__all__ = ["open_teacher"]


def open_teacher(source: ModelLike | None, student: Model) -> Model | None:
    """Load a teacher for a student, prepared as the student was, so that its sites are the student's.

    Raises:
        ModelError: it is a spiking network, or its classes or its input are not the student's.
        FileError: it cannot be read.
    """
    if source is None:
        return None
    if student.input.timesteps is not None:
        raise ModelError("An ANN takes still images and cannot teach a network that takes frames: leave it out.")
    teacher = load_beside(source, student.input)
    if isinstance(teacher, SNN):
        raise ModelError("The teacher is a spiking network: give the ANN that knowledge is to be distilled from.")
    own, its = class_count(student), class_count(teacher)
    if own != its:
        raise ModelError(f"The network has {own} classes, the teacher {its}: give a teacher of the same classes.")
    given, taken = student.input.sample_shape(), teacher.input.sample_shape()
    if given != taken or student.input.layout != teacher.input.layout:
        raise ModelError(
            f"The network takes inputs {list(given)} ({student.input.layout}), the teacher {list(taken)} "
            f"({teacher.input.layout}): both must see the same images."
        )
    # Max-pooling moved before the activations, as a conversion moves it, or where the network itself has it.
    moved = prepare(teacher)
    return teacher if sites_that_differ(student.graph, moved.graph) else moved
