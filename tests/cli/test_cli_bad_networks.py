"""Networks that cannot be used: one message, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

VERBS = {
    "inspect": ("inspect",),
    "convert": ("convert",),
    "evaluate": ("evaluate", "--data", "npz:data.npz"),
    "train": ("train", "--data", "npz:data.npz", "--epochs", "1", "--model"),
}


@pytest.mark.parametrize("verb", VERBS)
class TestEveryVerb:
    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("empty.onnx", b"", "empty.onnx is empty"),
            ("text.onnx", b"This is no network. " * 20, "text.onnx is not an ONNX file"),
        ],
    )
    def test_refuses_what_is_no_network(
        self, verb: str, name: str, content: bytes, said: str, here: Path, refused: Callable[..., str]
    ) -> None:
        (here / name).write_bytes(content)
        assert said in refused(*VERBS[verb], name)

    def test_refuses_a_missing_file(self, verb: str, refused: Callable[..., str]) -> None:
        assert "missing.onnx does not exist" in refused(*VERBS[verb], "missing.onnx")

    def test_refuses_a_folder(self, verb: str, refused: Callable[..., str]) -> None:
        assert ". is a folder" in refused(*VERBS[verb], ".")

    def test_refuses_a_truncated_file(self, verb: str, here: Path, refused: Callable[..., str]) -> None:
        whole = (here / "net.onnx").read_bytes()
        (here / "half.onnx").write_bytes(whole[: len(whole) // 2])
        assert "half.onnx is not an ONNX file, or is damaged" in refused(*VERBS[verb], "half.onnx")

    def test_lists_all_unsupported_operators_at_once(
        self, verb: str, make: Callable[..., str], refused: Callable[..., str]
    ) -> None:
        more = [
            helper.make_node("Hardmax", ["logits"], ["e"], "my_hardmax"),
            helper.make_node("Det", ["e"], ["m"], "my_det"),
        ]
        said = refused(*VERBS[verb], make("odd.onnx", more=more, outputs=("m",)))
        assert "(2)" in said
        assert "Hardmax 'my_hardmax'" in said
        assert "Det 'my_det'" in said

    def test_groups_them_by_operator(self, verb: str, make: Callable[..., str], refused: Callable[..., str]) -> None:
        more = [
            helper.make_node("Det", ["logits"], ["m"], "first_det"),
            helper.make_node("Hardmax", ["m"], ["e"], "my_hardmax"),
            helper.make_node("Det", ["e"], ["n"], "second_det"),
        ]
        said = refused(*VERBS[verb], make("odd.onnx", more=more, outputs=("n",)))
        head, *lines = said.rstrip().splitlines()
        assert head.endswith("(3):")
        assert [line.split(":")[0] for line in lines] == ["  Det", "  Hardmax 'my_hardmax'"]
        assert lines[0].startswith("  Det: 2 nodes, first 'first_det': ")
        assert "second_det" not in said

    def test_refuses_control_flow(self, verb: str, make: Callable[..., str], refused: Callable[..., str]) -> None:
        branches = [
            helper.make_graph(
                [helper.make_node("Identity", ["logits"], [name])],
                name,
                [],
                [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
            )
            for name in "ab"
        ]
        more = [
            helper.make_node("Cast", ["logits"], ["condition"], to=TensorProto.BOOL),
            helper.make_node("If", ["condition"], ["z"], "choice", then_branch=branches[0], else_branch=branches[1]),
        ]
        said = refused(*VERBS[verb], make("flow.onnx", more=more, outputs=("z",)))
        assert "If 'choice': its condition depends" in said

    def test_refuses_a_circle(self, verb: str, make: Callable[..., str], refused: Callable[..., str]) -> None:
        more = [
            helper.make_node("Add", ["logits", "state"], ["sum"], "update"),
            helper.make_node("Tanh", ["sum"], ["state"], "state"),
        ]
        said = refused(*VERBS[verb], make("circle.onnx", more=more, outputs=("state",)))
        assert "read one another in a circle: Add 'update', Tanh 'state'." in said

    def test_refuses_recurrent_layers_and_integer_kernels_at_once(
        self, verb: str, make: Callable[..., str], refused: Callable[..., str]
    ) -> None:
        more = [
            helper.make_node("DynamicQuantizeLinear", ["logits"], ["q", "scale", "zero"], "round"),
            helper.make_node("MatMulInteger", ["q", "q"], ["m"], "product"),
            helper.make_node("LSTM", ["m", "q", "q"], ["", "last"], "memory", hidden_size=3),
        ]
        head, *lines = refused(*VERBS[verb], make("odd.onnx", more=more, outputs=("last",))).rstrip().splitlines()
        assert head.endswith("(3):")
        assert [line.split(":")[0] for line in lines] == [
            "  DynamicQuantizeLinear 'round'",
            "  MatMulInteger 'product'",
            "  LSTM 'memory'",
        ]
        assert "give the network before it was quantized" in lines[0]
        assert "convolutions over time, or attention, are" in lines[2]

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_refuses_weights_that_are_not_finite(
        self, verb: str, value: float, make: Callable[..., str], refused: Callable[..., str]
    ) -> None:
        assert "Weights hold NaN or infinite values: w2" in refused(*VERBS[verb], make("sick.onnx", broken=value))

    def test_asks_for_an_open_size(self, verb: str, make: Callable[..., str], refused: Callable[..., str]) -> None:
        assert "--size N" in refused(*VERBS[verb], make("open.onnx", side="side"))

    def test_takes_the_size(self, verb: str, make: Callable[..., str], run: Callable[..., Any]) -> None:
        for size in ("8", "8,8"):
            assert run(*VERBS[verb], make("open.onnx", side="side"), "--size", size).code == 0

    def test_reads_no_weights_from_elsewhere(self, verb: str, here: Path, refused: Callable[..., str]) -> None:
        proto = onnx.load(here / "net.onnx")
        (here / "inside").mkdir()
        onnx.save(proto, here / "inside" / "net.onnx", save_as_external_data=True, location="w", size_threshold=0)
        moved = onnx.load(here / "inside" / "net.onnx", load_external_data=False)
        for tensor in moved.graph.initializer:
            for entry in tensor.external_data:
                entry.value = "../inside/../w" if entry.key == "location" else entry.value
        (here / "inside" / "w").rename(here / "w")
        (here / "inside" / "net.onnx").write_bytes(moved.SerializeToString())
        assert "outside its own folder" in refused(*VERBS[verb], "inside/net.onnx")


@pytest.mark.parametrize("name", ["nosuchmodel", ""])
def test_unknown_timm_names_are_refused(name: str, refused: Callable[..., str]) -> None:
    for command in (("inspect",), ("convert",), ("train", "--data", "digits", "--model")):
        said = refused(*command, f"timm:{name}")
        assert f"timm has no model {name!r}" in said


def test_a_near_timm_name_is_told(refused: Callable[..., str]) -> None:
    assert "resnet18" in refused("inspect", "timm:resnet1")


def test_a_near_zoo_name_is_told(refused: Callable[..., str]) -> None:
    assert "did you mean small-cnn" in refused("train", "--model", "zoo:smal-cnn", "--data", "digits")


def test_a_network_without_activations_is_not_converted(here: Path, refused: Callable[..., str]) -> None:
    proto = onnx.load(here / "net.onnx")
    for node in proto.graph.node:
        if node.op_type == "Relu":
            node.op_type = "Identity"
    onnx.save(proto, here / "linear.onnx")
    assert "there is nothing to convert" in refused("convert", "linear.onnx")


def test_an_snn_is_neither_converted_nor_trained_again(run: Callable[..., Any], refused: Callable[..., str]) -> None:
    assert run("convert", "net.onnx", "-T", 1).code == 0
    assert "is an SNN already" in refused("convert", "net-snn.onnx")
    assert "is an SNN already" in refused("train", "--model", "net-snn.onnx", "--data", "npz:data.npz")


def test_networks_that_cannot_be_compared_are_refused(make: Callable[..., str], refused: Callable[..., str]) -> None:
    command = ("evaluate", "net.onnx", "--data", "npz:data.npz", "--against")
    assert "has 10 outputs, the network it is compared with 5" in refused(*command, make("five.onnx", classes=5))
    assert "both must see the same images" in refused(*command, make("grey.onnx", channels=1))


def test_only_a_spiking_network_is_simulated(refused: Callable[..., str]) -> None:
    assert "Only a spiking network" in refused("evaluate", "net.onnx", "--data", "npz:data.npz", "--simulate")


def test_a_network_with_two_outputs_works(make: Callable[..., str], run: Callable[..., Any]) -> None:
    name = make("two.onnx", outputs=("logits", "p"))
    assert run("inspect", name, "--json").json["outputs"] == ["logits", "p"]
    assert run("convert", name, "-T", 2).code == 0
    found = run("evaluate", "two-snn.onnx", "--data", "npz:data.npz", "--simulate", "--against", name, "--json").json
    assert len(found["accuracy_at"]) == 2
