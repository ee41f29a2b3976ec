"""Take a network of timm by its name, with trained or random weights."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from torch import nn

from snnconv.errors import InvalidValueError, ModelError, is_out_of_memory
from snnconv.graph.size import Size, sides_of
from snnconv.loading.modules import load_module, plain_message
from snnconv.model import InputSpec, Model
from snnconv.registry import near_names

__all__ = ["TIMM", "build_timm", "load_timm"]

TIMM = "timm:"
HUB_ANSWERS_S = 5.0


def load_timm(name: str, *, size: Size | None, pretrained: bool) -> Model:
    """Build a network of timm, with the size and normalisation that timm states for it.

    Args:
        name: Name of the network, without `timm:`.
        size: Height and width of the input; timm's own by default.
        pretrained: True for timm's trained weights, False for random ones.

    Raises:
        InvalidValueError: timm knows no such name.
        ModelError: The network cannot be built or imported, or its weights cannot be had.
    """
    module, config = build_timm(name, pretrained=pretrained)
    channels, height, width = config["input_size"]
    if size is not None:
        height, width = sides_of(size)
    model = load_module(module, (channels, height, width), source=f"{TIMM}{name}")
    model.input = InputSpec(
        channels,
        height,
        width,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize=round(max(height, width) / config["crop_pct"]),
    )
    model.provenance["pretrained"] = pretrained
    return model


def build_timm(name: str, *, pretrained: bool, **arguments: Any) -> tuple[nn.Module, dict[str, Any]]:
    """Build a module of timm.

    Args:
        name: Name of the network, without `timm:`.
        pretrained: True for timm's trained weights, False for random ones.
        arguments: Other arguments of `timm.create_model`, such as `num_classes`.

    Returns:
        The module, and timm's description of its input.

    Raises:
        InvalidValueError: timm knows no such name.
        ModelError: The network cannot be built, or its weights cannot be had.
    """
    import timm
    from timm.data import resolve_model_data_config

    if not timm.is_model(name):
        known = timm.list_models()
        near = [known_name for known_name in known if name and name in known_name] or near_names(name, known, most=5)
        hint = f"Near it: {', '.join(near[:5])}." if near else "timm.list_models() lists them."
        raise InvalidValueError(f"timm has no model {name!r}. {hint}")
    try:
        with _offline_at_once() if pretrained else nullcontext() as offline:
            module: nn.Module = timm.create_model(name, pretrained=pretrained, **arguments)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        if not pretrained:
            raise ModelError(f"timm cannot build {name!r}: {error}") from error
        missing = type(error).__name__ in ("LocalEntryNotFoundError", "OfflineModeIsEnabled")
        said = f"they are not in timm's cache here, and {offline}" if offline and missing else _reason(error)
        raise ModelError(
            f"The trained weights of timm:{name} cannot be had: {said.rstrip('.')}. Go online once where that is "
            "why, or take random weights with --no-pretrained (in Python: pretrained=False)."
        ) from error
    return module, resolve_model_data_config(module)


def _reason(error: Exception) -> str:
    said = plain_message(error)
    return said if type(error).__name__ in said else f"{type(error).__name__}: {said}"


@contextmanager
def _offline_at_once() -> Iterator[str]:
    """Keep huggingface_hub, which timm fetches weights with, from trying for a minute where nothing answers.

    Yields:
        Reason why its hub cannot be reached; empty where it can, and where a proxy or the user's settings decide.
    """
    from huggingface_hub import constants

    hub = urlsplit(constants.ENDPOINT)
    reason = ""
    if not constants.HF_HUB_OFFLINE and not getproxies():
        try:
            socket.create_connection((hub.hostname, hub.port or 443), timeout=HUB_ANSWERS_S).close()
        except OSError as error:
            reason = f"{hub.hostname} cannot be reached ({error.strerror or error})"
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or bool(reason)
    try:
        yield reason
    finally:
        constants.HF_HUB_OFFLINE = before
