"""The bodies of our functions in a file: those that we write, or wrote in earlier versions.

`load` knows a function by its name and builds the module that it stands for; other runtimes run its body. So a body
that says something else makes a file that computes two things, and is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import onnx

from snnconv.neurons.onnx_attributes import DOMAIN

__all__ = ["changed_bodies", "fingerprint"]

# fingerprints of bodies that earlier releases wrote: before there were signed levels, before v_0 was an input, and both
EARLIER = frozenset(
    {
        ("LMHT", "aee863b62ef9b081"),
        ("MultiThreshold", "2e74526b4dbccad9"),
        ("MultiThreshold", "43b1bdaa24bf29fa"),
        ("MultiThreshold", "8cb1c7e31a56db39"),
        ("MultiThreshold", "a831b24a4d4e10cf"),
        ("QCFS", "4cbd0d3d7dcc43ea"),
    }
)


def fingerprint(function: onnx.FunctionProto) -> str:
    """Return what a function computes as a short text: operators, attributes and how they are connected.

    Names of values and nodes, comments and shapes are left out.
    """
    inputs = {name: f"input {i}" for i, name in enumerate(function.input)}
    names, nodes = _connected(function.node, inputs)
    structure = (
        sorted((_domain(opset.domain), opset.version) for opset in function.opset_import if opset.domain != DOMAIN),
        len(function.input),
        sorted(function.attribute),
        sorted(_attribute(default, {}) for default in function.attribute_proto),
        nodes,
        [names.get(name, "nowhere") for name in function.output],
    )
    return hashlib.sha256(repr(structure).encode()).hexdigest()[:16]


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _connected(nodes: Iterable[onnx.NodeProto], outer: Mapping[str, str]) -> tuple[dict[str, str], list[Any]]:
    """Return every value by where it is made, and the nodes with what they read named so."""
    names = {"": "", **outer}
    described = []
    depth = len(outer)
    for number, node in enumerate(nodes):
        read = [names.get(name, "nowhere") for name in node.input]
        attributes = sorted(_attribute(attribute, names) for attribute in node.attribute)
        described.append((_domain(node.domain), node.op_type, read, len(node.output), attributes))
        names |= {name: f"node {depth}.{number}.{i}" for i, name in enumerate(node.output)}
    return names, described


def _attribute(attribute: onnx.AttributeProto, names: Mapping[str, str]) -> tuple[str, str, str]:
    """Return name, the attribute of the function that it refers to, and value of an attribute."""
    if attribute.type == onnx.AttributeProto.GRAPH:
        return attribute.name, "", repr(_graph(attribute.g, names))
    value = onnx.AttributeProto()
    value.CopyFrom(attribute)
    value.ClearField("doc_string")
    return attribute.name, attribute.ref_attr_name, value.SerializeToString(deterministic=True).hex()


def _graph(graph: onnx.GraphProto, names: Mapping[str, str]) -> tuple[Any, ...]:
    """Return what a graph inside a node computes; it may read what was made outside."""
    inner = {value.name: f"inner {len(names)}.{i}" for i, value in enumerate(graph.input)}
    known, nodes = _connected(graph.node, {**names, **inner})
    stored = [tensor.SerializeToString(deterministic=True).hex() for tensor in graph.initializer]
    return len(graph.input), stored, nodes, [known.get(value.name, "nowhere") for value in graph.output]


def changed_bodies(model: onnx.ModelProto, written: Mapping[str, onnx.FunctionProto]) -> list[str]:
    """Return the names of our functions whose bodies in a file are none that we write or wrote.

    Args:
        model: the file.
        written: our functions, by name.
    """
    used = [function for function in model.functions if function.domain == DOMAIN and function.name in written]
    return [
        function.name
        for function in used
        if (body := fingerprint(function)) != fingerprint(written[function.name])
        and (function.name, body) not in EARLIER
    ]
