"""The records of all operators: none is missing, and what each states of itself holds on an example."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_oracle import newest_opset
from operator_cases import CASES
from torch import Tensor, fx, nn

from snnconv.errors import ModelError, UnsupportedOperatorsError
from snnconv.formats.hardware.builder import HARDWARE_FORMS, HardwareBuilder
from snnconv.formats.nir.writer import NIR_FORMS
from snnconv.formats.onnx.integers import LevelForm, level_form
from snnconv.graph import modules as m
from snnconv.graph.cumulation import CumSum
from snnconv.graph.elementwise import FUNCTIONS, Elementwise, Power, Shrink, Swish
from snnconv.graph.embedding import Embedding, GatherElements
from snnconv.graph.importer import import_graph
from snnconv.graph.inlining import OWN_DOMAIN
from snnconv.graph.kinds import Truncation, Truth
from snnconv.graph.lowering import form_of
from snnconv.graph.node import HANDLERS, Refusal
from snnconv.graph.normalizations import LpNormalize
from snnconv.graph.operator import (
    COMPOSED,
    FORMATS,
    OPERATORS,
    Cost,
    NeuronPlace,
    NoForm,
    Operator,
    Time,
    operator_of,
    output_shape,
    register_operator,
    time_of,
)
from snnconv.graph.parts import Part
from snnconv.graph.products import ConstantMatMul, MatMul
from snnconv.graph.quantization import FakeQuantize
from snnconv.graph.ranking import ArgExtremum, TopK
from snnconv.graph.reductions import (
    ReduceL1,
    ReduceL2,
    ReduceLogSumExp,
    ReduceMin,
    ReduceProd,
    ReduceSumSquare,
)
from snnconv.graph.sampling import GridSample
from snnconv.graph.scatter import ScatterElements
from snnconv.graph.selection import Logical, Relation, Where
from snnconv.model import InputSpec
from snnconv.operators._page import operators_page, records
from snnconv.spiking.temporal import analyse

STEPS, BATCH = 3, 2
IMAGE = (4, 6, 6)


def constant(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.linspace(0.5, 2.0, int(np.prod(shape)) or 1).reshape(shape))


def norm(kind: type[nn.Module], channels: int = 4) -> nn.Module:
    module = kind(channels)
    module.running_mean.uniform_(-1, 1)
    module.running_var.uniform_(0.5, 2)
    return module


@dataclass
class Example:
    """A module, the shapes of its operands, and which of them change from step to step (by default all)."""

    module: nn.Module
    shapes: Sequence[tuple[int, ...]] = (IMAGE,)
    changing: Sequence[bool] = ()
    domain: Callable[[Tensor], Tensor] = Tensor.clone  # to where alone it is a function

    def __post_init__(self) -> None:
        self.changing = self.changing or [True] * len(self.shapes)
        self.module = self.module.double().eval().requires_grad_(False)

    def __str__(self) -> str:
        which = "".join("t" if changes else "c" for changes in self.changing)
        return f"{type(self.module).__name__}-{self.module.extra_repr()}-{which}".replace(" ", "")


POINTS = torch.linspace(-1, 1, 12).reshape(1, 2, 3, 2)
PLACES = torch.tensor([[[1.0, -1.0], [0.0, 3.0], [4.0, 2.0]]])
NUMBERED = (GatherElements, ScatterElements)  # whose second operand numbers elements of the first
DOMAINS: dict[str, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(("acos", "asin", "atanh"), torch.tanh),
    **dict.fromkeys(("log", "sqrt"), torch.abs),
    "acosh": torch.cosh,
}
EXAMPLES = [
    Example(Part("name", 2, (2, 3)), ((10,),)),
    *(Example(m.Arithmetic(name), (IMAGE, IMAGE)) for name in ("add", "sub", "mul", "div")),
    *(Example(m.Arithmetic(name), (IMAGE, IMAGE), (True, False)) for name in ("add", "sub", "mul", "div")),
    *(Example(m.Arithmetic(name), (IMAGE, IMAGE), (False, True)) for name in ("add", "sub", "mul", "div")),
    *(Example(m.Arithmetic(name, constant(4, 1, 1))) for name in ("add", "sub", "mul", "div")),
    *(Example(m.Arithmetic(name, constant(1), constant_first=True)) for name in ("add", "sub", "mul", "div")),
    Example(m.AveragePool([2, 2], [1, 1], [0, 0, 1, 1])),
    Example(m.AveragePool([2, 2], [1, 1], [0, 0, 1, 1], count_include_pad=True)),
    Example(norm(nn.BatchNorm1d), ((4, 6),)),
    Example(norm(nn.BatchNorm2d)),
    Example(norm(nn.BatchNorm3d), ((4, 2, 3, 3),)),
    Example(Relation("greater"), (IMAGE, IMAGE)),
    Example(Relation("less", torch.zeros(4, 1, 1))),
    Example(m.Concat(1), (IMAGE, IMAGE)),
    Example(m.Concat(2, {1: torch.ones(1, *IMAGE)})),
    Example(nn.Conv1d(4, 2, 3, padding=1), ((4, 6),)),
    Example(nn.Conv2d(4, 6, 3, padding=1, stride=2, groups=2)),
    Example(nn.Conv3d(4, 2, 2), ((4, 3, 3, 3),)),
    Example(nn.ConvTranspose1d(4, 2, 3, stride=2, output_padding=1), ((4, 6),)),
    Example(nn.ConvTranspose2d(4, 2, 3, stride=2)),
    Example(nn.ConvTranspose3d(4, 2, 2), ((4, 3, 3, 3),)),
    Example(CumSum(1), ((4, 6),)),
    Example(Embedding(constant(9, 3)), ((4,),)),
    Example(m.Expand([4, 5, 6]), ((4, 1, 6),)),
    *(Example(ArgExtremum(kind, 1, keepdims=False, last=last)) for kind in ("max", "min") for last in (False, True)),
    Example(CumSum(2, exclusive=True, reverse=True)),
    Example(m.Extremum("max"), (IMAGE, IMAGE)),
    Example(m.Extremum("max", constant(4, 1, 1))),
    Example(m.Extremum("min"), (IMAGE, IMAGE)),
    *(Example(Elementwise(name), domain=DOMAINS.get(name, Tensor.clone)) for name in FUNCTIONS),
    Example(nn.CELU(0.5)),
    Example(nn.ELU(0.5)),
    Example(FakeQuantize(torch.tensor(0.5), -3, 4)),
    Example(nn.Flatten(1)),
    Example(nn.GELU()),
    Example(nn.GELU("tanh")),
    Example(m.Gather(2, [3, 0, 0])),
    Example(nn.GroupNorm(2, 4)),
    Example(nn.GroupNorm(4, 4, affine=False)),
    Example(GatherElements(2), ((4, 6), (4, 3))),
    Example(GatherElements(2), ((4, 6), (4, 3)), (True, False)),
    Example(GatherElements(2, torch.tensor([[[1.0], [-1.0], [3.0]]])), ((4, 6),)),
    *(
        Example(ScatterElements(2, reduction), ((3, 6), (3, 2), (3, 2)))
        for reduction in ("none", *ScatterElements.REDUCTIONS)
    ),
    Example(ScatterElements(2, "add"), ((3, 6), (3, 2), (3, 2)), (True, False, True)),
    Example(ScatterElements(2, "mul", updates=torch.ones(1, 3, 2) * 2), ((3, 6), (3, 2)), (True, False)),
    *(Example(ScatterElements(2, name, None, PLACES), ((3, 6), (3, 2))) for name in ("none", "add", "mul", "max")),
    Example(ScatterElements(2, "none", torch.ones(1, 3, 5), PLACES), ((3, 2),)),
    Example(GridSample(), (IMAGE, (3, 5, 2))),
    Example(GridSample("nearest", "border"), (IMAGE, (3, 5, 2)), (True, False)),
    *(Example(GridSample(mode, grid=POINTS)) for mode in GridSample.MODES),
    Example(nn.Hardsigmoid()),
    Example(nn.Hardswish()),
    Example(nn.Hardtanh(-1, 2)),
    Example(nn.Hardtanh(0, 2)),
    Example(nn.ReLU6()),
    Example(nn.Identity()),
    Example(nn.LeakyReLU(0.1)),
    Example(nn.LayerNorm([6])),
    Example(nn.LayerNorm([6, 6], elementwise_affine=False)),
    Example(nn.Linear(6, 3)),
    Example(nn.LocalResponseNorm(3, 0.5)),
    Example(nn.LogSoftmax(1)),
    Example(LpNormalize(1)),
    Example(LpNormalize(2, 1)),
    Example(MatMul(), ((2, 3, 5), (1, 5, 4))),
    Example(MatMul(), ((2, 3, 5), (1, 5, 4)), (True, False)),
    Example(MatMul(), ((3, 5), (5, 4)), (False, True)),
    Example(ConstantMatMul(constant(3, 6, 2)), ((3, 5, 6),)),
    Example(ConstantMatMul(constant(3, 6, 2)), ((1, 5, 6),)),
    Example(ConstantMatMul(constant(2, 6), constant_first=True), ((6, 5),)),
    Example(Logical("and", torch.ones(1))),
    Example(Logical("xor"), (IMAGE, IMAGE), (True, False)),
    Example(m.MaxPool([2, 2], [2, 2], [0, 0, 0, 0], [1, 1])),
    Example(nn.Mish()),
    *(Example(m.Pad([1, 0, 0, 2], mode, 0.5)) for mode in m.Pad.MODES),
    Example(m.ParametricReLU(constant(4, 1, 1))),
    Example(Power(2.0)),
    Example(Power(3.0)),
    Example(Power(0.5), domain=torch.abs),
    Example(nn.RMSNorm([6])),
    *(
        Example(kind(axes, keepdims=keepdims))
        for kind in (ReduceL1, ReduceL2, ReduceLogSumExp, m.ReduceMax, ReduceMin, ReduceProd, ReduceSumSquare)
        for axes, keepdims in (([2, 3], False), ([1], True))
    ),
    Example(Shrink(0.5, 0.2)),
    Example(m.ReduceMean([2, 3], keepdims=False)),
    Example(m.ReduceSum([1], keepdims=True)),
    Example(nn.ReLU()),
    Example(m.Reshape(Fraction(1), [36, 4])),
    Example(m.Resize([2.0, 2.0], scaled=True)),
    Example(m.Resize([9, 3], "linear")),
    Example(m.Resize([9, 3], "cubic")),
    Example(nn.Fold((5, 7), (2, 3), padding=1, stride=2), ((18, 12),)),
    Example(nn.SELU()),
    Example(nn.SiLU()),
    Example(nn.Sigmoid()),
    Example(m.SignalSite()),
    Example(m.Slice([2], [1], [5], [2])),
    Example(nn.Softmax(1)),
    Example(nn.Softplus()),
    Example(nn.Softsign()),
    Example(m.Squeeze([2]), ((4, 1, 6),)),
    Example(Swish(1.7)),
    Example(TopK(2, 1, largest=True, output="values")),
    Example(TopK(2, 2, largest=False, output="indices")),
    Example(nn.Tanh()),
    Example(m.Tile([1, 2, 1])),
    Example(m.Transpose([0, 2, 3, 1])),
    Example(Truncation()),
    Example(Truth()),
    Example(m.Unsqueeze([2])),
    Example(Where(), (IMAGE, IMAGE, IMAGE)),
    Example(Where(), (IMAGE, IMAGE, IMAGE), (False, True, True)),
    Example(Where(chosen=torch.ones(1)), (IMAGE, IMAGE), (False, True)),
    Example(Where(torch.arange(6) > 2), (IMAGE, IMAGE)),
    Example(Where(torch.arange(6) > 2, None, torch.zeros(1))),
]


def having(field: str) -> list[Example]:
    """The examples whose records have a form for a field."""
    return [e for e in EXAMPLES if not isinstance(getattr(operator_of(e.module), field), NoForm)]


def random_operands(example: Example) -> list[Tensor]:
    """`[T, B, ...]` each; what does not change is the same at every step."""
    torch.manual_seed(0)
    operands = []
    for shape, changes in zip(example.shapes, example.changing, strict=True):
        values = 3 * torch.randn(STEPS, BATCH, *shape, dtype=torch.float64)
        values = example.domain(values)
        if isinstance(example.module, (Logical, Truth, Where)):  # for which 0 is another thing
            values = (values / 3).round()
        if isinstance(example.module, Embedding) or (isinstance(example.module, NUMBERED) and len(operands) == 1):
            values = values.abs().clamp(max=5).floor()
        operands.append(values if changes else values[:1].expand(STEPS, *values.shape[1:]))
    return operands


def departure_from_affine(example: Example) -> float:
    """How far the mean over time of the outputs is from the output for the mean."""
    operands = random_operands(example)
    means = example.module(*(values.mean(0) for values in operands))
    outputs = torch.stack([example.module(*step) for step in zip(*operands, strict=True)])
    return float((outputs.mean(0) - means).abs().max() / means.abs().max())


def test_every_class_has_an_example() -> None:
    assert {type(example.module) for example in EXAMPLES} == set(OPERATORS)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_behaviour_in_time_is_as_stated(example: Example) -> None:
    stated = time_of(example.module, example.changing)
    if stated is Time.AFFINE:
        assert departure_from_affine(example) < 1e-12
    else:
        assert departure_from_affine(example) > 1e-3
        multiplies = isinstance(example.module, MatMul) or getattr(example.module, "operator", "") == "mul"
        assert (stated is Time.PRODUCT) == (multiplies and sum(example.changing) == 2)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_shape_is_as_stated(example: Example) -> None:
    output = example.module(*(values[0] for values in random_operands(example)))
    module = copy.deepcopy(example.module).float()
    assert output_shape(module, [(BATCH, *shape) for shape in example.shapes]) == tuple(output.shape)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_bounds_are_as_stated(example: Example) -> None:
    low, high = operator_of(example.module).bounds_of(example.module)
    outputs = torch.stack([example.module(*step) for step in zip(*random_operands(example), strict=True)])
    assert low <= outputs.min()
    assert outputs.max() <= high


BOUNDED_BELOW = (nn.GELU(), nn.GELU("tanh"), nn.SiLU(), Swish(1.7), nn.Mish(), nn.Hardswish())


@pytest.mark.parametrize("module", BOUNDED_BELOW, ids=str)
def test_lowest_values_are_reached(module: nn.Module) -> None:
    low, _ = operator_of(module).bounds_of(module)
    lowest = float(module(torch.linspace(-5, 0, 100_001, dtype=torch.float64)).min())
    assert low == pytest.approx(lowest, abs=2e-4)
    assert low <= lowest


@pytest.mark.parametrize("example", having("routes"), ids=str)
def test_routed_counts_are_whole_and_fit_the_output(example: Example) -> None:
    routes = operator_of(example.module).routes
    assert not isinstance(routes, NoForm)
    generator = torch.Generator().manual_seed(0)
    counts = [torch.randint(0, 5, (BATCH, *shape), generator=generator).double() for shape in example.shapes]
    routed = routes(example.module, counts)
    if routed is not None:
        output = example.module(*(values[0] for values in random_operands(example)))
        assert routed.shape == output.shape
        assert (routed == routed.round()).all()
        assert routed.min() >= 0
        assert routed.any()


@pytest.mark.parametrize("example", having("cost"), ids=str)
def test_cost_is_of_whole_operations(example: Example) -> None:
    cost = operator_of(example.module).cost
    assert not isinstance(cost, NoForm)
    operands = random_operands(example)
    outputs = example.module(*(values[0] for values in operands)).numel()
    work = cost.work(example.module, [(BATCH, *shape) for shape in example.shapes], outputs)
    assert all(isinstance(count, int) and count >= 0 for count in work)
    if cost.fan_out is not None and not any(getattr(example.module, "padding", ())):
        feeds = cost.fan_out(example.module, operands[0][0].shape)
        assert int(feeds.expand(operands[0][0].shape).sum()) == work.macs


def test_neurons_stand_at_what_is_not_affine() -> None:
    for example in EXAMPLES:
        operator = operator_of(example.module)
        activation = operator.activation_of(example.module)
        if activation is not NeuronPlace.NONE and not isinstance(example.module, m.SignalSite):
            everything = [True] * len(example.changing)
            assert time_of(example.module, everything) is not Time.AFFINE
        if operator.of_steps:
            assert activation is not NeuronPlace.NONE or isinstance(example.module, m.MaxPool)


def test_every_reader_belongs_to_a_record() -> None:
    read = [key for record in records() for key in record.reads] + list(COMPOSED)
    assert len(read) == len(set(read))
    assert {key for key in HANDLERS if key[0] != OWN_DOMAIN} == set(read)


@pytest.mark.parametrize("operator", sorted({case.operator for case, _ in CASES}))
def test_every_module_that_is_imported_has_a_record(operator: str) -> None:
    for case, opset in CASES:
        if case.operator != operator or opset < min(18, newest_opset()):
            continue
        others = {Part, Truncation, Truth}  # before and behind the node
        kinds = {type(module) for module in import_graph(case.model(opset)).graph.children()} - others
        assert kinds <= set(OPERATORS)
        if (case.domain, operator) in COMPOSED:
            assert kinds <= set(COMPOSED[case.domain, operator].made_of)


def test_a_reason_is_asked_for() -> None:
    with pytest.raises(ValueError, match="NoForm needs a reason"):
        NoForm(" ")
    for record in records():
        for field in fields(record):
            value = getattr(record, field.name)
            assert not isinstance(value, NoForm) or len(value.reason.split()) > 2


def test_what_is_left_out_is_an_error() -> None:
    complete = {field.name: getattr(OPERATORS[nn.ReLU], field.name) for field in fields(Operator)}
    for name in (field.name for field in fields(Operator) if field.default is MISSING):
        with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{name}'"):
            Operator(**{key: value for key, value in complete.items() if key != name})
    with pytest.raises(ValueError, match="is registered already"):
        register_operator(Operator(**complete))


def test_every_format_is_stated() -> None:
    complete = {field.name: getattr(OPERATORS[nn.ReLU], field.name) for field in fields(Operator)}
    for name in FORMATS:
        forms = {other: form for other, form in complete["forms"].items() if other != name}
        with pytest.raises(TypeError, match=f"ReLU states no form in {name}: give one, or NoForm with the reason"):
            Operator(**complete | {"forms": forms})
    for record in records():
        assert set(record.forms) == set(FORMATS)


HANDLERS_OF = {"hardware": HARDWARE_FORMS, "nir": NIR_FORMS}


@pytest.mark.parametrize("name", HANDLERS_OF)
def test_a_form_is_found_or_refused_with_its_reason(name: str) -> None:
    for example in EXAMPLES:
        form = operator_of(example.module).forms[name]
        if isinstance(form, NoForm):
            with pytest.raises(Refusal, match=re.escape(form.reason)):
                form_of(name, HANDLERS_OF[name], example.module, "nothing is known of it")
        else:
            assert form_of(name, HANDLERS_OF[name], example.module, "") is form
    with pytest.raises(Refusal, match="nothing is known of it"):
        form_of(name, HANDLERS_OF[name], nn.Hardshrink(), "nothing is known of it")


@pytest.mark.parametrize("example", [e for e in EXAMPLES if list(e.shapes) == [IMAGE]], ids=str)
def test_the_reason_is_in_the_refusal_of_a_folder(example: Example) -> None:
    form = operator_of(example.module).forms["hardware"]
    graph = fx.Graph()
    source = graph.placeholder("input")
    node = graph.call_module("tried", (source,))
    output = example.module(random_operands(example)[0][0])
    source.meta["shape"], node.meta["shape"] = IMAGE, tuple(output.shape[1:])
    graph.output(node)
    builder = HardwareBuilder(fx.GraphModule(nn.ModuleDict({"tried": example.module}), graph), InputSpec(*IMAGE), 8, 1)
    try:
        builder.run()
        assert not isinstance(form, NoForm)
    except UnsupportedOperatorsError as error:
        reasons = [refused.reason for refused in error.nodes]
        assert len(reasons) == 1
        assert not isinstance(form, NoForm) or reasons == [form.reason]


def test_what_stays_in_floats_has_no_levels() -> None:
    for example in EXAMPLES:
        form = operator_of(example.module).forms["int8"]
        assert (level_form(example.module) is None) >= isinstance(form, NoForm)
    assert level_form(nn.Conv2d(1, 1, 1)) is LevelForm.CONVOLVED
    assert level_form(m.Arithmetic("add")) is LevelForm.ADDED
    assert level_form(m.Arithmetic("sub")) is None
    assert level_form(nn.Hardshrink()) is None


def test_synapses_need_a_fan_out() -> None:
    cost = operator_of(nn.Linear(1, 1)).cost
    assert isinstance(cost, Cost)
    with pytest.raises(ValueError, match="need a fan-out"):
        Cost(dense=cost.dense, arrival=cost.arrival)


def test_a_module_without_a_record_is_refused_by_name() -> None:
    graph = fx.Graph()
    node = graph.call_module("relu", (graph.placeholder("input"),))
    graph.output(graph.call_module("unknown", (node,)))
    network = fx.GraphModule(nn.ModuleDict({"relu": nn.ReLU(), "unknown": nn.Hardshrink()}), graph)
    with pytest.raises(ModelError, match="Nothing is known of modules of the class Hardshrink"):
        analyse(network)


def test_the_page_shows_the_records() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "operators.md"
    assert page.read_text() == operators_page(), "python -m snnconv.operators > docs/operators.md"
