"""Take the state of an optimizer apart into tensors and JSON, and put it together again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["optimizer_from", "optimizer_parts"]


def optimizer_parts(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of an optimizer's `state_dict`, by `place.in.it`, and the rest, ready for JSON.

    Args:
        state: `state_dict` of an optimizer, nested in any way.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _without_tensors(state, "", tensors)


def optimizer_from(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    """Return the `state_dict` that `optimizer_parts` took apart."""
    state: dict[str, Any] = _with_tensors(rest, tensors)
    return state


def _without_tensors(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """Replace values that JSON has no form for by objects of one key, and put tensors into `tensors`."""
    if isinstance(value, Tensor):
        tensors[place] = value
        return {"tensor": place}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, dict):  # whose keys may be numbers
        return {"items": [[key, _without_tensors(item, f"{place}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        items = [_without_tensors(item, f"{place}.{number}", tensors) for number, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    return value


def _with_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Undo `_without_tensors`."""
    if isinstance(value, list):
        return [_with_tensors(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dtype":
        return getattr(torch, content)
    if kind == "tuple":
        return tuple(_with_tensors(item, tensors) for item in content)
    return {key: _with_tensors(item, tensors) for key, item in content}
