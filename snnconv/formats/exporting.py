"""The formats that a network is exported to: what each states of itself, and the registry of them.

A format is a folder of this package, or anything outside it, that registers a class:

    @FORMATS.register("plain")
    class PlainFormat(ExportFormat[PlainExport]): ...

`snnconv export --to plain` then writes it, with the fields of `PlainExport` as options. The classes here, and those
that formats register, import nothing heavy: the command line reads them for its help.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from snnconv.errors import ModelError
from snnconv.files import require_writable, write_atomically
from snnconv.options import described
from snnconv.registry import Registry

if TYPE_CHECKING:
    from snnconv.model import Model

__all__ = ["FORMATS", "ExportFormat", "Exported", "ExportedBytes", "NoChoices", "described", "ordered_formats"]

Settings = TypeVar("Settings")
OTHERS = 100


class Exported(ABC):
    """A network in a format, before it is written to disk.

    Attributes:
        called: Name for it in a comparison, such as "the file".
    """

    called: ClassVar[str] = "the file"

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write it whole or not at all.

        Raises:
            FileError: It cannot be written; what was there is left as it was.
        """

    @abstractmethod
    def open(self, model: Model) -> Any:
        """Return something that runs what is written, for a comparison with the network.

        Args:
            model: Network that it was written from.

        Returns:
            A `Model`; an `onnx.ModelProto`; a `HardwareNetwork`; or a function from a normalised batch in the network's
            layout, `[B, ...]`, or `[T, B, ...]` where the input changes over time, to a tuple of outputs `[B, ...]`.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return what JSON says of it, beside its path, format and comparison."""

    @abstractmethod
    def lines(self) -> list[str]:
        """Return what is printed of it: the first line stands behind its path."""

    @abstractmethod
    def title(self) -> str:
        """Return the beginning of the title of a comparison, such as "The file in onnxruntime"."""

    def with_measured(self, comparison: Mapping[str, Any]) -> Exported:
        """Return the same, with the comparison in it, where the format has a place for that."""
        return self


@dataclass(frozen=True)
class ExportedBytes(Exported):
    """A network in a format that is one file, and that nothing here runs.

    Attributes:
        content: Bytes of the file.
    """

    content: bytes

    def save(self, path: Path) -> None:
        """Write the file, atomically."""
        write_atomically(path, self.content)

    def open(self, model: Model) -> Any:
        """Refuse a comparison.

        Raises:
            ModelError: Nothing runs the file.
        """
        raise ModelError("Nothing here runs a file of this format, so that it cannot be compared: leave --data out.")

    def to_dict(self) -> dict[str, Any]:
        """Return the size."""
        return {"bytes": len(self.content)}

    def lines(self) -> list[str]:
        """Return the size in words."""
        return [f"{len(self.content):,} bytes."]

    def title(self) -> str:
        """Return a word for the file."""
        return "The file"


@dataclass(frozen=True)
class NoChoices:
    """The settings of a format in which nothing can be chosen."""


class ExportFormat(ABC, Generic[Settings]):
    """A format that a network is exported to.

    Attributes:
        help: One phrase that says what it is for.
        settings: Frozen dataclass of what can be chosen, with defaults; the metadata of each field are made by
            `described`.
        kind: Word for what is written: a file or a folder.
        place: Place among the choices; formats of one place stand in the order of their registration.
    """

    help: ClassVar[str]
    settings: ClassVar[type[Any]] = NoChoices
    kind: ClassVar[Literal["file", "folder"]] = "file"
    place: ClassVar[int] = OTHERS

    @abstractmethod
    def path_for(self, stem: str, settings: Settings) -> Path:
        """Return where it is written if no path is named.

        Args:
            stem: Name of the network's file without its ending.
            settings: Choices.
        """

    @abstractmethod
    def write(self, model: Model, settings: Settings) -> Exported:
        """Return a network in this format.

        Raises:
            ModelError: The format cannot hold it.
        """

    def require_path(self, path: Path) -> None:
        """Refuse a path that cannot be written, before work that would be lost.

        Raises:
            FileError: It cannot be written.
        """
        require_writable(path)


FORMATS: Registry[str, type[ExportFormat[Any]]] = Registry("export format")


def ordered_formats() -> dict[str, type[ExportFormat[Any]]]:
    """Return the formats by name, in the order in which they are offered."""
    return {name: FORMATS[name] for name in sorted(FORMATS, key=lambda name: FORMATS[name].place)}
