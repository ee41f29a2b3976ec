"""The operator domain `ai.snnconv`: our modules as ONNX functions whose bodies are standard operators.

A runtime that knows nothing of us inlines the functions; `load` recognises their names. A function's text is the
definition that other people's software runs, so it follows the module's own arithmetic operation by operation.
"""

from __future__ import annotations

import onnx.parser

from snnconv.graph.emission import OPSET
from snnconv.neurons.functions import integrate, leaky, multilevel, multithreshold, quantized, time
from snnconv.neurons.functions.reading import DOMAIN

__all__ = ["DOMAIN", "VERSION", "functions"]

VERSION = 1  # of the functions; a change of meaning raises it

_FAMILIES = (quantized, multithreshold, leaky, multilevel, integrate, time)


def functions() -> dict[str, onnx.FunctionProto]:
    """Every function of the domain, by name."""
    header = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>'
    parsed = [onnx.parser.parse_function(header + text) for family in _FAMILIES for text in family.TEXTS]
    return {function.name: function for function in parsed}
