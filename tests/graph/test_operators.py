"""Every operator, at the opsets at which it changed, against onnxruntime; the cases are in operator_cases."""

from __future__ import annotations

import pytest
from onnx import helper
from onnx_oracle import check, model_of
from operator_cases import CASES
from operator_cases.case import Case, rand


@pytest.mark.parametrize(("case", "opset"), CASES, ids=[f"{case}-{opset}" for case, opset in CASES])
def test_operator_equals_onnxruntime(case: Case, opset: int) -> None:
    reference = case.model(case.judged_at) if case.judged_at else None
    check(case.model(opset), same_modules=case.same, reference=reference)


@pytest.mark.parametrize("ir_version", [3, 10])
def test_initializers_may_be_listed_among_the_inputs(ir_version: int) -> None:
    weight = rand(3, 4, 3, 3)
    model = model_of(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        {"w": weight},
        (4, 6, 6),
        opset=8,
        ir_version=ir_version,
    )
    model.graph.input.append(helper.make_tensor_value_info("w", 1, weight.shape))
    assert next(iter(check(model).graph.parameters())).shape == weight.shape


def test_every_registered_operator_has_a_case() -> None:
    from snnconv.graph.inlining import OWN_DOMAIN
    from snnconv.graph.node import HANDLERS

    tried = {(case.domain, case.operator) for case, _ in CASES}
    known = {key for key in HANDLERS if key[0] != OWN_DOMAIN}
    elsewhere = ("SplitToSequence", "ScatterND", "GatherND", "QuantizeLinear", "DequantizeLinear")
    assert known - {("", name) for name in elsewhere} == tried  # those are tried in graphs, in other files
