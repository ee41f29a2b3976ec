"""Functions of our domain in a file: read where they are ours, whatever their names, and refused where they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from graph_cases import images, prepared, quantize
from onnx import helper

import snnconv.zoo.pretrained
from snnconv.errors import FileError
from snnconv.formats.onnx.writing import to_onnx
from snnconv.loading import load
from snnconv.neurons.bodies import EARLIER, changed_bodies, fingerprint
from snnconv.neurons.onnx_functions import DOMAIN, functions
from snnconv.spiking.unrolling import spike

PRETRAINED = sorted(Path(next(iter(snnconv.zoo.pretrained.__path__))).glob("*.onnx"))


def body(proto: onnx.ModelProto, name: str) -> onnx.FunctionProto:
    return next(function for function in proto.functions if function.name == name)


def inside(proto: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    """A node of what a neuron does at a step."""
    [scan] = [node for node in body(proto, "MultiThreshold").node if node.op_type == "Scan"]
    [graph] = [attribute.g for attribute in scan.attribute if attribute.name == "body"]
    return next(node for node in graph.node if node.op_type == operator)


def another_constant(proto: onnx.ModelProto) -> None:
    constants = {node.output[0]: node for node in body(proto, "TimeMean").node if node.op_type == "Constant"}
    constants["axis"].attribute[0].ints[0] = 1


def another_operator(proto: onnx.ModelProto) -> None:
    [reduction] = [node for node in body(proto, "TimeMean").node if node.op_type == "ReduceMean"]
    reduction.op_type = "ReduceSum"


def another_operator_inside(proto: onnx.ModelProto) -> None:
    inside(proto, "Floor").op_type = "Round"


def another_operand_inside(proto: onnx.ModelProto) -> None:
    inside(proto, "Clip").input[1] = "zero"


def another_order_of_inputs(proto: onnx.ModelProto) -> None:
    function = body(proto, "MultiThreshold")
    function.input[2], function.input[3] = function.input[3], function.input[2]


def another_default(proto: onnx.ModelProto) -> None:
    next(each for each in body(proto, "MultiThreshold").attribute_proto if each.name == "signed").i = 1


def another_opset(proto: onnx.ModelProto) -> None:
    body(proto, "Steps").opset_import[0].version = 17


EDITS = [
    another_constant,
    another_operator,
    another_operator_inside,
    another_operand_inside,
    another_order_of_inputs,
    another_default,
    another_opset,
]


@pytest.fixture
def proto() -> onnx.ModelProto:
    return to_onnx(spike(quantize(prepared("chain"), 8), 4, 2))


def file_of(proto: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "network.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("edit", EDITS)
def test_a_body_that_says_something_else_is_refused(
    edit: Callable[[onnx.ModelProto], None], proto: onnx.ModelProto, tmp_path: Path
) -> None:
    load(file_of(proto, tmp_path))
    edit(proto)
    with pytest.raises(FileError, match=r"not as snnconv writes them: \w+\. Other runtimes"):
        load(file_of(proto, tmp_path))


def test_names_and_comments_may_differ(proto: onnx.ModelProto, tmp_path: Path) -> None:
    expected = load(file_of(proto, tmp_path))
    for function in proto.functions:
        function.doc_string = "as before"
        renamed = {name: f"{name}_renamed" for node in function.node for name in node.output}
        renamed |= {name: f"given_{name}" for name in function.input}
        graphs = [attribute.g for node in function.node for attribute in node.attribute if attribute.HasField("g")]
        for nodes in (function.node, *(graph.node for graph in graphs)):
            for node in nodes:
                node.name = f"a_{node.op_type}"
                node.input[:] = [renamed.get(name, name) for name in node.input]
        for node in function.node:
            node.output[:] = [renamed[name] for name in node.output]
        for names in (function.input, function.output):
            names[:] = [renamed[name] for name in names]
    x = images(expected)
    assert torch.equal(load(file_of(proto, tmp_path)).logits(x), expected.logits(x))


def test_a_newer_version_is_refused(proto: onnx.ModelProto, tmp_path: Path) -> None:
    next(opset for opset in proto.opset_import if opset.domain == DOMAIN).version = 2
    with pytest.raises(FileError, match="version 2, of which this snnconv knows 1"):
        load(file_of(proto, tmp_path))


def test_functions_of_another_domain_are_read_as_what_they_say(proto: onnx.ModelProto, tmp_path: Path) -> None:
    half = helper.make_function(
        "mine", "Half", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [helper.make_opsetid("", 18)]
    )
    proto.functions.append(half)
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    load(file_of(proto, tmp_path))


@pytest.mark.parametrize("path", PRETRAINED, ids=lambda path: path.stem)
def test_files_of_earlier_releases_are_read(path: Path) -> None:
    load(path)


def test_the_bodies_that_are_written_are_known() -> None:
    written = functions()
    assert not {(name, fingerprint(function)) for name, function in written.items()} & EARLIER
    assert {name for name, _ in EARLIER} <= set(written)
    assert len({fingerprint(function) for function in written.values()}) == len(written)
    assert changed_bodies(onnx.ModelProto(functions=written.values()), written) == []
