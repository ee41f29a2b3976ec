"""Check before any training that network, data and settings fit each other."""

from __future__ import annotations

from torch import nn

from snnconv.data.images import Images
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.finetune.quantize import quantize_activations
from snnconv.finetune.settings import LoopSettings, TrainSettings
from snnconv.finetune.spiking import spiking_network
from snnconv.finetune.whitening import whiten
from snnconv.graph.access import module_of
from snnconv.graph.linear import NORMS
from snnconv.model import ANN, SNN, InputSpec, Model
from snnconv.neurons import QuantizedSite
from snnconv.spiking.sites import iter_sites

__all__ = ["check_batch", "check_data", "class_count", "prepare_training"]


def prepare_training(model: Model, images: Images, eval_data: Images | None, settings: TrainSettings) -> Model:
    """Return a copy of a network that can be trained on these images: quantized, or with neurons.

    Args:
        model: ANN or quantized ANN.
        images: Images to train on.
        eval_data: Images to evaluate on.
        settings: Settings of the training.

    Raises:
        ModelError: The network is an SNN, does not end in logits, or has no activation.
        UnsupportedOperatorsError: Activations cannot become neurons; all are listed.
        DataError: Labels are missing, or the data's classes or shape are not the network's.
        InvalidValueError: A quantized network has another N than the settings, or there is one image a batch.
    """
    check_data(model, images, eval_data)
    if isinstance(model, SNN):
        raise ModelError("The network is an SNN already: train it further with finetune.")
    prepared = _quantized(model, settings) if settings.neuron is None else _spiking(model, settings)
    check_batch(prepared, images, settings)
    if settings.whitening:
        whiten(prepared.graph, images, settings.seed)
    return prepared


def check_batch(model: Model, images: Images, settings: LoopSettings) -> None:
    """Refuse batches of one image where there is batch-norm.

    Raises:
        InvalidValueError: A batch is one image, and the network has batch-norm.
    """
    batch = min(settings.batch_size, len(images)) // settings.accumulate
    if batch <= 1 and any(isinstance(module, NORMS) for module in model.graph.modules()):
        raise InvalidValueError(
            f"batch_size is {settings.batch_size} and there are {len(images)} images: batch-norm cannot be "
            "trained on batches of one image. Give at least 2."
        )


def check_data(model: Model, images: Images, eval_data: Images | None) -> None:
    """Refuse data that a network cannot be trained or evaluated on.

    Raises:
        ModelError: The network does not end in logits.
        DataError: Labels are missing, or the data's classes or shape are not the network's.
    """
    classes = class_count(model)
    for data in (images,) if eval_data is None else (images, eval_data):
        _check_shape(model, data)
        _check_classes(data, classes)


def _quantized(model: Model, settings: TrainSettings) -> Model:
    if isinstance(model, ANN):
        return quantize_activations(
            model, settings.total_levels, settings.initial_ceiling, average_pool=settings.average_pool
        )
    levels = {site.total_levels for _, site in iter_sites(model.graph) if isinstance(site, QuantizedSite)}
    if levels != {settings.total_levels}:
        raise InvalidValueError(
            f"The network is quantized to {', '.join(map(str, sorted(levels)))} levels, total_levels is "
            f"{settings.total_levels}: give the network's own."
        )
    return model.copy()


def _spiking(model: Model, settings: TrainSettings) -> SNN:
    assert settings.neuron is not None
    return spiking_network(
        model,
        settings.neuron,
        average_pool=settings.average_pool,
        threshold_norm=settings.threshold_norm,
        train_ceilings=settings.train_ceilings,
    )


def class_count(model: Model) -> int:
    """Return the number of classes of a network that ends in logits.

    Raises:
        ModelError: The network does not end in logits.
    """
    output = next(node for node in model.graph.graph.nodes if node.op == "output")
    first = output.args[0][0] if isinstance(output.args[0], tuple) else output.args[0]
    shape = tuple(first.meta["shape"])
    if len(shape) != 1:
        raise ModelError(
            f"The output has shape [{', '.join(['B', *map(str, shape)])}]; a classifier's is [B, classes]."
        )
    if first.op == "call_module" and isinstance(module_of(model.graph, first), (nn.Softmax, nn.Sigmoid)):
        kind = type(module_of(model.graph, first)).__name__
        raise ModelError(f"The network ends in {kind}, training needs logits: export it without its last node.")
    return int(shape[0])


def _check_shape(model: Model, data: Images) -> None:
    if model.input.timesteps != data.input.timesteps:
        raise DataError(
            f"{data.spec!r} was opened as {_frames(data.input)}, the network takes {_frames(model.input)}: open it "
            "with the network's own input."
        )
    shape, data_shape = model.input.sample_shape(), data.sample_shape
    if shape != data_shape or model.input.layout != data.input.layout:
        raise DataError(
            f"{data.spec!r} was opened for inputs {list(data_shape)} ({data.input.layout}), the network takes "
            f"{list(shape)} ({model.input.layout}): open it with the network's own input."
        )


def _frames(spec: InputSpec) -> str:
    return f"{spec.timesteps} frames" if spec.timesteps else "still images"


def _check_classes(data: Images, classes: int) -> None:
    if data.classes is not None and len(data.classes) != classes:
        raise DataError(
            f"{data.spec!r} has {len(data.classes)} classes, the network has {classes} outputs: give the "
            "data set that it was made for, or build a network for this one (timm:NAME or zoo:NAME)."
        )
    data.check_labels(classes)
