"""Build a network that fits the data, from a name, a module or a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from snnconv.data.datasets import DataInfo, Images, describe_data
from snnconv.data.dataspec import parse_spec
from snnconv.data.opening import DataLike, as_images, input_of, sample_shape_of
from snnconv.data.scheme import SCHEMES
from snnconv.errors import DataError, InvalidValueError
from snnconv.graph.size import Size, sides_of
from snnconv.loading import TIMM, ModelLike, load_for, load_module, require_source
from snnconv.loading.modules import named_parts
from snnconv.loading.pretrained import build_timm
from snnconv.model import ANN, InputSpec, Model
from snnconv.networks import NETWORKS

__all__ = ["build_network", "description_for", "open_training"]

ZOO = "zoo:"


def build_network(
    name: str | os.PathLike[str],
    info: DataInfo | None,
    *,
    pretrained: bool = False,
    size: Size | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    data: DataLike | None = None,
    resize: int | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    timesteps: int | None = None,
    seed: int = 0,
) -> Model:
    """Build a network with as many inputs and outputs as the data have channels and classes.

    Args:
        name: `timm:NAME`, `zoo:NAME`, or the path of an ONNX file, whose network is taken as it is.
        info: Description of the data, from `describe_data`; None for the file of a network of still inputs.
        pretrained: True to start from timm's trained weights, for a timm name.
        size: Height and width in pixels; by default the images' own, where they share one, else timm's.
        input_shapes: Shapes of named inputs, where a file leaves axes open.
        data: Data that tell such shapes otherwise.
        resize: Pixels that the images' short side is scaled to before the centre is cropped.
        mean: Mean of pixels in 0..1; by default timm's where it has as many channels, else 0.
        std: Standard deviation of pixels in 0..1; by default timm's where it has as many channels, else 1.
        timesteps: T that event data are cut into; it has no meaning for images.
        seed: Seed of random weights.

    Raises:
        InvalidValueError: The name is unknown, or the size is not known.
        ModelError: The network cannot be built or imported.
        DataError: The data have no labels, by which the classes would be known.
        FileError: The file cannot be read.
    """
    name = os.fspath(name)
    _require_time(info, timesteps)
    if not name.startswith((TIMM, ZOO)):
        model = load_for(name, data, "train", size=size, input_shapes=input_shapes)
        return _in_time(_overridden(model, mean, std, resize), info, timesteps)
    if info is None or input_shapes:
        raise InvalidValueError(f"{name} is built for images: give data of images, and no shapes of named inputs.")
    model = _built(name, info, pretrained=pretrained, size=size, seed=seed)
    model.input = replace(model.input, timesteps=timesteps if info.temporal else None)
    return _overridden(model, mean, std, resize)


def _require_time(info: DataInfo | None, timesteps: int | None) -> None:
    """Refuse events without a number of frames."""
    if info is not None and info.temporal and timesteps is None:
        raise DataError(
            "The data are events, which change over time: only a spiking network takes them. Give its neuron and T "
            "(--neuron and --timesteps)."
        )


def _in_time(model: Model, info: DataInfo | None, timesteps: int | None) -> Model:
    """Return the network of a file, whose data are cut into frames where they change over time."""
    _require_time(info, timesteps)
    if info is not None and info.temporal and isinstance(model, ANN):
        model.input = replace(model.input, timesteps=timesteps)
    return model


def description_for(name: str, spec: str) -> DataInfo | None:
    """Return the facts of data that a network is built for; None where a file is taken as it is, for still inputs.

    Args:
        name: `timm:NAME`, `zoo:NAME`, or the path of an ONNX file.
        spec: Data spec.
    """
    if name.startswith((TIMM, ZOO)) or SCHEMES[parse_spec(spec).scheme].recordings:
        return describe_data(spec, purpose="train")
    return None


def _built(name: str, info: DataInfo, *, pretrained: bool, size: Size | None, seed: int) -> Model:
    """Return a network of timm or of ours with random or trained weights, its input as the data are.

    Args:
        name: `timm:NAME` or `zoo:NAME`.
        info: Description of the data.
        pretrained: True to start from timm's trained weights.
        size: Height and width in pixels; by default the images' own, where they share one, else timm's.
        seed: Seed of random weights.

    Raises:
        InvalidValueError: The name is unknown, or the size is not known.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module, config = _module(name, info, pretrained)
    timm_size = config.get("input_size", (None, None, None))
    height, width = (info.height or timm_size[1], info.width or timm_size[2]) if size is None else sides_of(size)
    if height is None or width is None:
        raise InvalidValueError(f"The images are of several sizes, and {name} takes any: give size=N.")
    model = load_module(module, (info.channels, height, width), source=name)
    model.input = InputSpec(
        info.channels,
        height,
        width,
        mean=_of_channels(config.get("mean"), info.channels, 0.0),
        std=_of_channels(config.get("std"), info.channels, 1.0),
        classes=info.class_names,
    )
    model.provenance["pretrained"] = pretrained
    return model


def _of_channels(values: tuple[float, ...] | None, channels: int, otherwise: float) -> tuple[float, ...]:
    """Return the network's own values where there is one a channel, else another value for all."""
    return tuple(values) if values is not None and len(values) == channels else (otherwise,)


def _overridden(
    model: Model, mean: tuple[float, ...] | None, std: tuple[float, ...] | None, resize: int | None
) -> Model:
    return replace(model, input=model.input.override(mean=mean, std=std, resize=resize))


def _module(name: str, info: DataInfo, pretrained: bool) -> tuple[nn.Module, dict[str, Any]]:
    """Return a module for the data, and timm's description of its input."""
    if info.classes is None:
        raise DataError(f"The data have no labels: the number of classes for {name} is not known. Give labels.")
    if name.startswith(TIMM):
        return build_timm(name[len(TIMM) :], pretrained=pretrained, num_classes=info.classes, in_chans=info.channels)
    return NETWORKS[name[len(ZOO) :]](info.channels, info.classes), {}


def _info(images: Images) -> DataInfo:
    classes = None if images.labels is None else int(images.labels.max()) + 1
    if images.classes is not None:
        classes = len(images.classes)
    spec = images.input
    temporal = spec.timesteps is not None
    return DataInfo(spec.channels, spec.height, spec.width, classes, images.classes, len(images), temporal)


def open_training(
    model: ModelLike,
    data: DataLike,
    *,
    seed: int = 0,
    timesteps: int | None = None,
) -> tuple[Model, Images]:
    """Return the network and the images of a training, whose user may name either in any form.

    Args:
        model: Model; a module for images of the data's own size; or a name as `build_network` takes it.
        data: Data in any form that `as_images` takes, opened for training.
        seed: Seed of random weights.
        timesteps: T that event data are cut into.

    Raises:
        InvalidValueError: The size of the images is not known.
        SnnconvError: `build_network` or `as_images` refuses.
    """
    require_source(model)
    if isinstance(model, Model):
        return model, as_images(data, model.input, "train")
    if isinstance(model, (str, os.PathLike)) and not os.fspath(model).startswith((TIMM, ZOO)):
        network = load_for(model, data, "train")
        if not network.input.parts:
            if isinstance(data, str):
                network = _in_time(network, description_for(os.fspath(model), data), timesteps)
            else:
                network = _in_time(network, _info_of_samples(model, data), timesteps)
        return network, as_images(data, network.input, "train")
    if isinstance(model, nn.Module) and (parts := named_parts(model, data)):
        network = load_module(model, parts)
        return network, as_images(data, network.input, "train")
    info = _info_of(model, data)
    if not isinstance(model, nn.Module):
        network = build_network(model, info, timesteps=timesteps, seed=seed)
    elif isinstance(data, str) and (info.height is None or info.width is None):
        raise InvalidValueError("The images are of several sizes: load the module with load_module and its shape.")
    else:
        shape = sample_shape_of(data, "train")
        network = load_module(model, shape[1:] if info.temporal and not isinstance(data, (str, Images)) else shape)
        network.input = replace(network.input, timesteps=timesteps if info.temporal else None)
    return network, as_images(data, network.input, "train")


def _info_of(model: nn.Module | str | os.PathLike[str], data: DataLike) -> DataInfo:
    """Return the facts of data in any form."""
    if not isinstance(data, str):
        return _info_of_samples(model, data)
    return describe_data(data, purpose="train")


def _info_of_samples(model: nn.Module | str | os.PathLike[str], data: DataLike) -> DataInfo:
    """Say what samples hold: images, feature vectors, or recordings of either."""
    if isinstance(data, Images):
        return _info(data)
    shape = sample_shape_of(data, "train")
    images = as_images(data, input_of(shape, temporal=len(shape) in (2, 4)), "train")
    if images.input.layout == "NC" and isinstance(model, str) and model.startswith((TIMM, ZOO)):
        raise DataError(
            f"The samples are flat, of {images.input.channels} values each, and {model} takes images: give an "
            "nn.Module, or a file, whose network takes flat samples."
        )
    return _info(images)
