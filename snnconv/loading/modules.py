"""Take an `nn.Module` by way of ONNX, so that it meets the same importer as a file."""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import nn

from snnconv.data.shapes import held_inputs, holds_names
from snnconv.errors import InvalidValueError, ModelError, UnsupportedOperatorsError, is_out_of_memory
from snnconv.graph.node import Kind
from snnconv.graph.refusals import module_refusals
from snnconv.inputspec import InputPart
from snnconv.loading.attention_formula import AttentionFormula
from snnconv.loading.stages import model_of
from snnconv.model import Model

__all__ = ["export_module", "load_module", "named_parts", "plain_message"]

IMAGE = 3  # axes of one image
KINDS: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int"}  # of numpy
TYPES: dict[Kind, torch.dtype] = {"float": torch.float32, "int": torch.int64, "bool": torch.bool}


def load_module(
    module: nn.Module, sample_shape: Sequence[int] | Sequence[InputPart], *, source: str | None = None
) -> Model:
    """Load an `nn.Module` by way of ONNX, so that it meets the same importer as a file. The module is not changed.

    Args:
        module: Network that takes one tensor `[B, *sample_shape]`, or named inputs.
        sample_shape: Shape of one input, without the batch axis; or named inputs, by the names or in the order of the
            arguments of `forward`: `[InputPart("ids", (128,), "int"), InputPart("mask", (128,), "bool")]`.
        source: Name of the network in the provenance; the module's class by default.

    Raises:
        ModelError: torch cannot export it, or the graph cannot be imported.
        InvalidValueError: The module is none, or an axis of `sample_shape` has no length.
        UnsupportedOperatorsError: It holds operators that are not supported; all are listed.

    >>> from torch import nn
    >>> load_module(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), (4,)).input.sample_shape()
    (4,)
    """
    if not isinstance(module, nn.Module):
        raise InvalidValueError(
            f"load_module takes an nn.Module, not {type(module).__name__}: snnconv.load takes a file or a timm name."
        )
    listed = sample_shape if isinstance(sample_shape, (tuple, list)) else ()
    parts = [part for part in listed if isinstance(part, InputPart)]
    if not parts or len(parts) < len(listed):
        _require_shape(sample_shape)
        parts = [InputPart("input", tuple(size for size in sample_shape if isinstance(size, int)))]
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        proto = export_module(module, parts)
    finally:
        for part, flag in training.items():
            part.training = flag
    return model_of(proto, {"source": source or type(module).__name__}, size=None)


def named_parts(module: nn.Module, data: Any) -> list[InputPart]:
    """Return the inputs of a module that data hold by name, empty where they hold one tensor of floating-point numbers.

    Args:
        module: Network, whose arguments of `forward` name the inputs.
        data: Data in any form that `as_images` takes.
    """
    arguments = inspect.signature(module.forward).parameters
    needed = [name for name, argument in arguments.items() if argument.default is argument.empty]
    by_name = holds_names(data)
    held = held_inputs(data, list(arguments) if by_name else needed)
    parts = [InputPart(name, array.shape, KINDS.get(array.dtype.kind, "float")) for name, array in held.items()]
    if isinstance(data, str):
        return parts if len(parts) == len(needed) > 1 else []
    whole = any(part.kind != "float" and len(part.shape) != IMAGE for part in parts)  # no pixels of 0..255
    return parts if by_name or len(parts) > 1 or whole else []


def _require_shape(sample_shape: Sequence[int] | Sequence[InputPart]) -> None:
    """Refuse what is no shape of one input."""
    if not isinstance(sample_shape, (tuple, list, torch.Size)) or not all(isinstance(n, int) for n in sample_shape):
        raise InvalidValueError(
            f"sample_shape is {sample_shape!r}: it must be the axes of one input, without the batch's: (3, 32, 32)."
        )
    if any(not isinstance(length, int) or length < 1 for length in sample_shape):
        raise InvalidValueError(f"sample_shape is {tuple(sample_shape)}: every axis must have a length of at least 1.")


def export_module(module: nn.Module, parts: Sequence[InputPart]) -> onnx.ModelProto:
    """Export a module with a dynamic batch; nothing is optimised, so batch-norm stays and can be trained on.

    torch cannot export every form of `scaled_dot_product_attention`: not of queries of another rank than 4, nor with
    some masks, whose kernel has another layout in memory than the exporter expects. Such a module is exported once more
    with the formula in its place: two products and a softmax. Where that fails, too, the error says both.

    Args:
        module: Network in evaluation mode.
        parts: Its inputs.

    Raises:
        ModelError: torch cannot export it.
        UnsupportedOperatorsError: Nor could what it holds be imported.
    """
    try:
        return _exported(module, parts)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        said = f"torch.onnx.export cannot export {type(module).__name__}: {plain_message(error)}"
        try:
            with AttentionFormula() as formula:
                return _exported(module, parts)
        except Exception as second:
            if is_out_of_memory(second):
                raise
            said += _reason_of_formula(formula, error, second)
        if refused := module_refusals(module):
            raise UnsupportedOperatorsError(f"{said}\nWhat it holds could not be imported either", refused) from error
        raise ModelError(said) from error


def _reason_of_formula(formula: AttentionFormula, first: Exception, second: Exception) -> str:
    """Return what is said of the export with attention's formula; nothing where the network has no attention."""
    if not formula.is_used:
        return ""
    reason = plain_message(second)
    other = "for the same reason" if reason == plain_message(first) else reason
    return (
        f" Nor can it with attention written as two products and a softmax: {other}. Give the network as an ONNX file, "
        "or leave out what torch refuses."
    )


def _exported(module: nn.Module, parts: Sequence[InputPart]) -> onnx.ModelProto:
    device = next(iter(module.parameters()), torch.zeros(())).device
    examples = {part.name: torch.zeros(2, *part.shape, dtype=TYPES[part.kind], device=device) for part in parts}
    by_name = all(name in inspect.signature(module.forward).parameters for name in examples)
    batch = {0: torch.export.Dim("batch", min=1)}
    with _quiet_exporter():
        program = torch.onnx.export(
            module,
            () if by_name else tuple(examples.values()),
            kwargs=examples if by_name else None,
            dynamo=True,
            optimize=False,
            dynamic_shapes=dict.fromkeys(examples, batch) if by_name else (batch,) * len(examples),
            input_names=list(examples),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Let torch's exporter say nothing but errors meanwhile."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def plain_message(error: Exception) -> str:
    """Return the first lines of an error's message, without colours."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()]
    said = [line for line in lines if line][:3]
    return " ".join(said) or type(error).__name__
