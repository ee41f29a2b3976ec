"""The page of the documentation that shows every record: docs/operators.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from torch import nn

from snnconv.formats.onnx.integers import LevelForm
from snnconv.graph.operator import (
    COMPOSED,
    FREE,
    OPERATORS,
    Arrival,
    Cost,
    NeuronPlace,
    NoForm,
    Operator,
    Time,
    moved,
)
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

__all__ = ["operators_page", "records"]

_HEAD = """# Operators

Every ONNX operator that can be imported, and what the package knows of it. The page is made of the records in
`snnconv/operators` by `python -m snnconv.operators > docs/operators.md`; [how to add one](extending.md#an-operator).

An operator is *affine* in time where the mean over time of its output is its output for the mean over time: such an
operator passes spikes or currents on step by step. A *function* or a *product* is not: it is computed once, on the
means over time of what it takes ([Architecture](architecture.md#time)). Under differential coupling every operator
streams: these two are computed at every step, on what was told so far ([Coupling](coupling.md#what-streams)).
"""
_COSTS = """
## Costs

Work on real values is counted as multiply-accumulates and additions. An operator may pass spikes on as spikes; where it
does not, their cost arises there ([Energy](energy.md)). What has no price is listed as uncounted.
"""
_FORMS = """
## Forms in other formats

Every operator is written as ONNX. Those without a form in [hardware folders](hardware.md) or [NIR graphs](nir.md) are
refused there, with the reason, and so are some settings of those that have one. A file in 8-bit integers
([export](export.md)) computes on the levels of neurons where that is said, and elsewhere in 32-bit floats.
"""
_COMPOSED = """
## Operators without modules of their own

These are read as other operators. Where there are none, the operator does nothing at inference and is left out.
"""
_TIMES = {Time.AFFINE: "affine", Time.FUNCTION: "function", Time.PRODUCT: "product"}
_NEURONS = {
    NeuronPlace.RECTIFIER: "take its place",
    NeuronPlace.TRANSFER: "stand behind it",
    NeuronPlace.READ: "stand where a linear operator, or a product of signals, reads it",
    NeuronPlace.NONE: "",
}
_FORMAT_NAMES = {"hardware": "hardware folder", "nir": "NIR graph", "int8": "8-bit ONNX"}
_SHORT = {NO_INTEGERS.reason: "no", NO_NIR.reason: "no", IN_FLOAT.reason: "in floats"}
_ARRIVALS = {
    Arrival.SYNAPSES: "an addition an output fed",
    Arrival.ADDED: "an addition each",
    Arrival.SCALED: "a multiplication each",
    Arrival.VALUES: "as real values",
}


def records() -> list[Operator]:
    """Return every record once, in the order of the first module's name."""
    unique = {id(OPERATORS[kind]): OPERATORS[kind] for kind in OPERATORS}
    return sorted(unique.values(), key=lambda operator: operator.name.lower())


def operators_page() -> str:
    """Return the page as Markdown, made of the records."""
    every = records()
    composed = sorted((_onnx_name(key), _modules_of(COMPOSED[key].made_of)) for key in COMPOSED)
    parts = [
        _HEAD,
        _table(
            ("ONNX", "module", "in time", "neurons"),
            [(_onnx_names(record), _modules_of(record.modules), _time(record), _neurons(record)) for record in every],
        ),
        _COSTS,
        _table(
            ("module", "work on real values", "spikes that it passes on", "spikes that end in it"),
            [(_modules_of(record.modules), _work(record), _routes(record), _arrival(record)) for record in every],
        ),
        _FORMS,
        _table(("module", *_FORMAT_NAMES.values()), [_forms(record) for record in every]),
        _COMPOSED,
        _table(("ONNX", "becomes"), composed),
    ]
    return "\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _onnx_names(operator: Operator) -> str:
    return ", ".join(_onnx_name(key) for key in operator.reads)


def _onnx_name(key: tuple[str, str]) -> str:
    """An operator's name, with the domain where that is not ONNX's own."""
    return ".".join(filter(None, key))


def _modules_of(kinds: tuple[type[nn.Module], ...]) -> str:
    return ", ".join(f"`{kind.__name__}`" for kind in kinds)


def _time(operator: Operator) -> str:
    time = operator.time
    text = _TIMES[time] if isinstance(time, Time) else _first_line(time)
    return f"{text}; of each step's current where neurons do not wait" if operator.of_steps else text


def _neurons(operator: Operator) -> str:
    activation = operator.activation
    return _NEURONS[activation] if isinstance(activation, NeuronPlace) else _first_line(activation)


def _work(operator: Operator) -> str:
    cost = operator.cost
    if isinstance(cost, NoForm):
        return f"uncounted: {cost.reason}"
    return "none" if cost is FREE else _first_line(cost.dense or cost.of_shapes)


def _routes(operator: Operator) -> str:
    routes = operator.routes
    if isinstance(routes, NoForm):
        return f"none: {routes.reason}"
    return "all" if routes is moved else _first_line(routes)


def _arrival(operator: Operator) -> str:
    cost = operator.cost
    if not isinstance(cost, Cost) or cost is FREE:
        return ""
    return _ARRIVALS[cost.arrival] if isinstance(cost.arrival, Arrival) else _first_line(cost.arrival)


def _forms(operator: Operator) -> tuple[str, ...]:
    return _modules_of(operator.modules), *(_form(name, operator.forms[name]) for name in _FORMAT_NAMES)


def _form(name: str, form: object) -> str:
    if isinstance(form, NoForm):
        return _SHORT.get(form.reason, f"no: {form.reason}")
    if isinstance(form, LevelForm):
        return form.value
    return _first_line(form) if name == "int8" else "yes"


def _first_line(function: object) -> str:
    """The first sentence of a function's docstring, as a cell."""
    text = inspect.getdoc(function)
    assert text, f"{function} states nothing of itself"
    line = " ".join(text.split("\n\n")[0].split()).removesuffix(".")
    return line[0].lower() + line[1:]
