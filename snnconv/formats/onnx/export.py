"""The export format onnx: one ONNX file, in one of its forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from snnconv.errors import InvalidValueError
from snnconv.formats.exporting import FORMATS, ExportFormat, described

if TYPE_CHECKING:
    from snnconv.formats.onnx.file import OnnxFile
    from snnconv.model import Model

__all__ = ["OnnxExport", "OnnxForm", "OnnxFormat"]

OnnxForm = Literal["stepped", "collapsed", "single-step"]


@dataclass(frozen=True)
class OnnxExport:
    """Choices of an ONNX file.

    Attributes:
        form: The T steps of an SNN in one call, the quantized network that it equals, or one step a call; None: the
            steps, or in 8-bit integers the quantized network where there is one.
        int8: Flag for weights and activations in 8-bit integers.

    Raises:
        InvalidValueError: One step of a network is asked for in 8-bit integers.
    """

    form: OnnxForm | None = field(
        default=None,
        metadata=described(
            "the T steps of an SNN in one call, the quantized network that it equals in one pass, or one step a call, "
            "its state given and returned.  [default: stepped; of --int8 collapsed where it equals one]"
        ),
    )
    int8: bool = field(default=False, metadata=described("weights and activations in 8-bit integers, levels exact."))

    def __post_init__(self) -> None:
        if self.int8 and self.form == "single-step":
            raise InvalidValueError("--int8 is of --form stepped and collapsed, not single-step.")


@FORMATS.register("onnx")
class OnnxFormat(ExportFormat[OnnxExport]):
    """ONNX files."""

    help = "One ONNX file, for onnxruntime and all that reads ONNX."
    settings = OnnxExport
    place = 0

    def path_for(self, stem: str, settings: OnnxExport) -> Path:
        """Return the network's name with its form behind it."""
        if settings.int8 and settings.form != "stepped":
            return Path(f"{stem}-int8.onnx")
        return Path(f"{stem}-{settings.form or 'stepped'}{'-int8' if settings.int8 else ''}.onnx")

    def write(self, model: Model, settings: OnnxExport) -> OnnxFile:
        """Return the network as an ONNX file."""
        from snnconv.formats.onnx.file import onnx_file

        return onnx_file(model, settings)
