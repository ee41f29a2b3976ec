"""The operator domain `ai.snnconv`: our modules as ONNX functions whose bodies are standard operators.

A runtime that knows nothing of us inlines the functions; `load` recognises their names. A function's text is the
definition that other people's software runs, so it follows the module's own arithmetic operation by operation.
"""

from __future__ import annotations

import onnx.parser

from snnconv.graph.emission import OPSET
from snnconv.neurons import time_onnx
from snnconv.neurons.capabilities import KINDS
from snnconv.neurons.forms import OnnxForm
from snnconv.neurons.onnx_attributes import DOMAIN

__all__ = ["DOMAIN", "VERSION", "functions"]

VERSION = 1  # of the functions; a change of meaning raises it


def functions() -> dict[str, onnx.FunctionProto]:
    """Return every function of the domain, by name."""
    forms = [KINDS[kind].onnx for kind in KINDS]
    texts = [text for form in forms if isinstance(form, OnnxForm) for text in form.texts]
    header = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>'
    parsed = [onnx.parser.parse_function(header + text) for text in (*texts, *time_onnx.TEXTS)]
    return {function.name: function for function in parsed}
