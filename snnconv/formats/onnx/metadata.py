"""The JSON text that our ONNX files carry beside the network: stage, input, provenance, and what the file is for."""

from __future__ import annotations

import json
from typing import Any

import onnx

from snnconv.errors import FileError
from snnconv.model import InputSpec

__all__ = ["INT8", "LAST", "METADATA_KEY", "SINGLE_STEP", "metadata_in"]

METADATA_KEY = "snnconv"  # of the JSON text in an ONNX file's metadata
INT8 = "int8"  # in that text, of a file that is only to be run
SINGLE_STEP = "single_step"  # likewise, of a file that a host runs step by step
LAST = "last"  # of such a file whose output is the answer so far, and not a step whose mean over T is the answer


def metadata_in(proto: onnx.ModelProto) -> dict[str, Any]:
    """Return the JSON of a file; an empty dictionary of another tool's file."""
    text = next((prop.value for prop in proto.metadata_props if prop.key == METADATA_KEY), None)
    if text is None:
        return {}
    try:
        values = json.loads(text)
        if values.get("input") is not None:
            InputSpec.from_dict(values["input"])
        if not isinstance(values.get("provenance", {}).get("history", []), list):
            raise TypeError("its history is no list")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(f"The file's own {METADATA_KEY} metadata is damaged: {error}.") from error
    return dict(values)
