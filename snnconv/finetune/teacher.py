"""Open the teacher, the network that another is distilled from."""

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

    Args:
        source: Teacher, or the path of its file; None: no teacher.
        student: Network that is trained.

    Raises:
        ModelError: The teacher is a spiking network, or its classes or its input are not the student's.
        FileError: Its file cannot be read.
    """
    if source is None:
        return None
    if student.input.timesteps is not None:
        raise ModelError("An ANN takes still images and cannot teach a network that takes frames: leave it out.")
    teacher = load_beside(source, student.input)
    if isinstance(teacher, SNN):
        raise ModelError("The teacher is a spiking network: give the ANN that knowledge is to be distilled from.")
    classes, teacher_classes = class_count(student), class_count(teacher)
    if classes != teacher_classes:
        raise ModelError(
            f"The network has {classes} classes, the teacher {teacher_classes}: give a teacher of the same classes."
        )
    shape, teacher_shape = student.input.sample_shape(), teacher.input.sample_shape()
    if shape != teacher_shape or student.input.layout != teacher.input.layout:
        raise ModelError(
            f"The network takes inputs {list(shape)} ({student.input.layout}), the teacher {list(teacher_shape)} "
            f"({teacher.input.layout}): both must see the same images."
        )
    # Max-pooling moved before the activations, as a conversion moves it, or where the network itself has it.
    moved = prepare(teacher)
    return teacher if sites_that_differ(student.graph, moved.graph) else moved
