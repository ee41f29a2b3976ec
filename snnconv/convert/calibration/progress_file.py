"""The finished blocks of a reconstruction in one safetensors file, so that it can go on. No pickle is read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from snnconv.digest import digest_of
from snnconv.errors import unreadable
from snnconv.files import require_regular, write_atomically
from snnconv.spiking.blocks import BlockError

__all__ = ["ProgressFile", "fingerprint"]

KEY = "snnconv_reconstruction"


def fingerprint(tensors: Iterable[Tensor], settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of tensors, with their shapes, and of settings that are ready for JSON."""
    return digest_of(json.dumps(settings, sort_keys=True), ((str(tuple(tensor.shape)), tensor) for tensor in tensors))


class ProgressFile:
    """The finished blocks of one reconstruction, replaced as a whole after each of them.

    Args:
        path: Path of the file; a file of other networks, images or settings there is started anew.
        identity: `fingerprint` of all that the result depends on.

    Raises:
        FileError: Something else is in that place.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self.errors: list[BlockError] = []
        self.tensors: dict[str, Tensor] = {}
        if os.path.lexists(path):
            self._load()

    @property
    def blocks(self) -> int:
        """The number of finished blocks."""
        return len(self.errors)

    def read(self, index: int) -> tuple[dict[str, Tensor], BlockError] | None:
        """Return the parameters and errors of a block; None where it is not finished."""
        if index >= len(self.errors):
            return None
        prefix = f"{index}/"
        tensors = {name[len(prefix) :]: tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}
        return tensors, self.errors[index]

    def write(self, index: int, tensors: Mapping[str, Tensor], error: BlockError) -> None:
        """Add a finished block to the file."""
        from safetensors.torch import save

        assert index == len(self.errors)
        self.errors.append(error)
        self.tensors |= {f"{index}/{name}": tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
        header = {"identity": self.identity, "errors": [[e.name, e.before, e.after] for e in self.errors]}
        write_atomically(self.path, save(self.tensors, {KEY: json.dumps(header)}))

    def remove(self) -> None:
        """Remove the file: the result is written, and nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _load(self) -> None:
        from safetensors import SafetensorError, safe_open

        require_regular(self.path)
        try:
            with safe_open(self.path, "pt") as file:
                header = json.loads((file.metadata() or {})[KEY])
                if header["identity"] == self.identity:
                    self.tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
                    self.errors = [BlockError(str(n), float(b), float(a)) for n, b, a in header["errors"]]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            message = (
                f"A reconstruction keeps its finished blocks in {self.path}, where something else is or a damaged file "
                f"({error}): remove it, or name another output with -o."
            )
            raise unreadable(self.path, error, message) from error
