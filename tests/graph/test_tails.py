"""The end of a detector that is no batch: it is left out, and what it reads are the outputs."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper
from onnx_oracle import assert_close, model_of, run_torch, sample

from snnconv.errors import SnnconvWarning, UnsupportedOperatorsError
from snnconv.graph.importer import import_graph

RNG = np.random.default_rng(0)
CONSTANTS = {
    "to_boxes": RNG.standard_normal((8, 4)).astype(np.float32),
    "to_scores": RNG.standard_normal((8, 2)).astype(np.float32),
    "most": np.array(3),
    "overlap": np.float32(0.5),
    "least": np.float32(0.1),
    "pair": np.array([0, 2]),
    "first": np.array([0]),
    "last": np.array([2]),
}


def node(operator: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), outputs.split()[0], **attributes)


LAYERS = [
    node("MatMul", "x to_boxes", "boxes"),  # [B, 6, 4]
    node("MatMul", "x to_scores", "logits"),
    node("Sigmoid", "logits", "sure"),
    node("Transpose", "sure", "scores", perm=[0, 2, 1]),
    node("ReduceMax", "scores axes", "best", keepdims=0),
]
AXES = {"axes": np.array([1, 2])}
OF_BATCHES = [
    node("NonMaxSuppression", "boxes scores most overlap least", "selected"),
    node("Gather", "selected pair", "places", axis=1),
    node("GatherND", "boxes places", "kept"),
]
OF_ONE_SAMPLE = [
    node("Squeeze", "boxes first", "alone"),
    node("NonMaxSuppression", "boxes scores most overlap least", "selected"),
    node("Gather", "selected last", "places", axis=1),
    node("Gather", "alone places", "kept", axis=0),
]


def detector(tail: list[onnx.NodeProto], batch: int | str = "batch", outputs: tuple[str, ...] = ("best", "kept")):
    return model_of(LAYERS + tail, {**CONSTANTS, **AXES}, (6, 8), batch=batch, outputs=outputs, opset=18)


@pytest.mark.parametrize(("tail", "batch"), [(OF_BATCHES, "batch"), (OF_ONE_SAMPLE, 1)], ids=["batches", "one sample"])
def test_what_a_suppression_reads_are_the_outputs_and_the_rest_runs_on_them(
    tail: list[onnx.NodeProto], batch: int | str
) -> None:
    model = detector(tail, batch)
    with pytest.warns(SnnconvWarning, match="NonMaxSuppression has depends on the data") as caught:
        imported = import_graph(model)
    assert imported.outputs == ("best", "boxes", "scores")
    assert "'boxes', 'scores'" in str(caught[0].message)
    x = sample(imported, 1)
    ours = dict(zip(imported.outputs, run_torch(imported, x), strict=True))
    best, kept = ort.InferenceSession(model.SerializeToString()).run(["best", "kept"], {"x": x})
    assert_close([ours["best"]], [best])
    rest = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model)).extract_model(["boxes", "scores"], ["kept"])
    feeds = {name: ours[name] for name in ("boxes", "scores")}
    assert_close(ort.InferenceSession(rest.SerializeToString()).run(None, feeds), [kept])


def test_a_second_stage_behind_a_suppression_is_refused() -> None:
    tail = [*OF_BATCHES, node("MatMul", "kept to_boxes.t", "y")]
    constants = {**CONSTANTS, **AXES, "to_boxes.t": CONSTANTS["to_boxes"].T}
    with pytest.raises(UnsupportedOperatorsError) as caught:
        import_graph(model_of(LAYERS + tail, constants, (6, 8), outputs=("y",)))
    assert "depends on the data" in caught.value.nodes[0].reason


def test_what_is_refused_beside_a_suppression_is_refused() -> None:
    other = node("Det", "boxes", "other")
    with pytest.raises(UnsupportedOperatorsError) as caught:
        import_graph(detector([other, *OF_BATCHES], outputs=("other", "kept")))
    assert [found.operator for found in caught.value.nodes][:2] == ["Det", "NonMaxSuppression"]


def test_a_constant_output_is_left_out() -> None:
    nodes = [node("Relu", "x", "y"), helper.make_node("Identity", ["first"], ["grid"])]
    model = model_of(nodes, CONSTANTS, (6, 8), outputs=("grid", "y"))
    with pytest.warns(SnnconvWarning, match="'grid' is constant"):
        assert import_graph(model).outputs == ("y",)


def test_an_output_whose_batch_is_not_first_is_put_so() -> None:
    model = model_of([node("Transpose", "x", "y", perm=[1, 0, 2])], {}, (6, 8))
    with pytest.warns(SnnconvWarning, match="'y' has the batch at axis 1 in the file"):
        imported = import_graph(model)
    x = sample(imported, 3)
    [theirs] = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    assert_close(run_torch(imported, x), [np.moveaxis(theirs, 1, 0)])
