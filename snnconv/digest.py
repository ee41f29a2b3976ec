"""One fingerprint of settings and tensors, by which files of half-finished work are recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["digest_of"]


def digest_of(text: str, tensors: Iterable[tuple[str, Tensor]]) -> str:
    """Return the SHA-256 of a text and of tensors, in hexadecimal digits.

    Args:
        text: Text that comes first, such as settings as JSON.
        tensors: Tensors in their order, each with a label; labels and values count, devices do not.
    """
    import torch

    digest = hashlib.sha256(text.encode())
    for label, tensor in tensors:
        digest.update(label.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
