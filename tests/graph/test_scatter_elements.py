"""ScatterElements of which some operands are constants, the same for every sample, against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_oracle import check, model_of, modules_of

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.importer import import_graph
from snnconv.graph.scatter import ScatterElements

SHAPE, AXIS = (3, 5), 2
RNG = np.random.default_rng(0)
CONSTANTS = {
    "data": RNG.standard_normal((1, 3, 5)).astype(np.float32),
    "indices": np.array([[[1, -1], [0, 3], [4, 2]]]),
    "updates": RNG.standard_normal((1, 3, 2)).astype(np.float32),
}


def network(held: tuple[str, ...], reduction: str, batch: int | str) -> onnx.ModelProto:
    """Operands that are no constants are made of x; constants are repeated over an open batch."""
    constants = {"bounds": np.array([0, 2]), **{name: CONSTANTS[name] for name in held}}
    nodes = []
    if "updates" not in held or "indices" not in held:
        constants |= {"start": np.array([1]), "end": np.array([3]), "axis": np.array([2])}
        nodes.append(helper.make_node("Slice", ["x", "start", "end", "axis"], ["part"]))
    if "indices" not in held:
        nodes += [
            helper.make_node("ArgMax", ["part"], ["highest"], axis=2),
            helper.make_node("Concat", ["highest", "one"], ["numbers"], axis=2),
        ]
        constants["one"] = np.full((1, 3, 1), 2)
    made = {"data": "x", "indices": "numbers", "updates": "part"}
    expanded = [*held, *(["one"] if "one" in constants else [])]
    if isinstance(batch, str):
        nodes.insert(0, helper.make_node("Shape", ["x"], ["batch"], end=1))
        for name in expanded:
            constants[f"{name}.rest"] = np.array(constants[name].shape[1:])
            target = helper.make_node("Concat", ["batch", f"{name}.rest"], [f"{name}.target"], axis=0)
            spread = helper.make_node("Expand", [name, f"{name}.target"], [f"{name}.spread"])
            nodes[1:1] = [target, spread]
    names = [name if name in held else made[name] for name in ("data", "indices", "updates")]
    names = [f"{name}.spread" if isinstance(batch, str) and name in expanded else name for name in names]
    if isinstance(batch, str):
        for node in nodes:
            if node.op_type == "Concat" and node.output[0] == "numbers":
                node.input[1] = "one.spread"
    nodes.append(helper.make_node("ScatterElements", names, ["y"], axis=AXIS, reduction=reduction))
    return model_of(nodes, constants, SHAPE, batch=batch)


@pytest.mark.parametrize("batch", ["batch", 1])
@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize(
    "held",
    [("indices",), ("data",), ("updates",), ("data", "indices"), ("indices", "updates"), ("data", "updates"), ()],
    ids="-".join,
)
def test_constant_operands(held: tuple[str, ...], reduction: str, batch: int | str) -> None:
    imported = check(network(held, reduction, batch))
    [module] = [part for part in imported.graph.children() if isinstance(part, ScatterElements)]
    assert [name for name in ScatterElements.NAMES if module.holds(name)] == list(held)
    assert ScatterElements in modules_of(imported)


@pytest.mark.parametrize(
    ("indices", "axis", "reason"),
    [
        (np.zeros((1, 3, 5), np.int64), 0, "acts across the batch axis"),
        (np.full((1, 3, 5), 5), 2, "leave an axis of size 5"),
        (np.zeros((2, 3, 5), np.int64), 2, "differs between members of a batch"),
    ],
)
def test_numbers_that_are_refused(indices: np.ndarray, axis: int, reason: str) -> None:
    nodes = [helper.make_node("ScatterElements", ["x", "i", "x"], ["y"], axis=axis)]
    with pytest.raises(UnsupportedOperatorsError, match=reason):
        import_graph(model_of(nodes, {"i": indices}, SHAPE, batch=1, dtype=TensorProto.FLOAT))
