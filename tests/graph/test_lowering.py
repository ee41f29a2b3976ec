"""The walk that all written formats share."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.lowering import Lowering, Refusals, UniqueNames, look_up
from snnconv.graph.node import Refusal
from snnconv.registry import Registry

FORMS: Registry[type[nn.Module], str] = Registry("module type")
FORMS.register(nn.ReLU)("relu")


class Text(Lowering[str]):
    """Writes a graph as nested calls."""

    def __init__(self, graph, inherited=False):
        super().__init__(graph, "Text cannot hold these operators")
        self.values[self.input] = self.input_name
        self.inherited = inherited

    def lower(self, node, module, inputs):
        word = look_up(FORMS, module, "no word for it", inherited=self.inherited)
        return f"{self.fresh_name(node)}={word}({', '.join(inputs)})"

    def stand_in(self, node):
        return "?"


def graph_of(*modules, names=None):
    root, graph = nn.Module(), fx.Graph()
    node = graph.placeholder("input")
    node.meta["onnx_name"] = "pixels/0"
    for number, module in enumerate(modules):
        target = f"m{number}"
        root.add_module(target, module)
        node = graph.call_module(target, (node,))
        node.meta["onnx_name"] = (names or {}).get(number, target)
    graph.output(node)
    return fx.GraphModule(root, graph)


def test_names_are_the_networks_own_and_unique():
    graph = graph_of(nn.ReLU(), nn.ReLU(), nn.ReLU(), names={0: "act.1", 1: "act.1", 2: "act.1"})
    assert Text(graph).run() == ["act.1:3=relu(act.1:2=relu(act.1=relu(pixels/0)))"]


def test_what_cannot_be_held_is_refused_at_once():
    graph = graph_of(nn.Tanh(), nn.ReLU(), nn.Sigmoid(), names={2: "gate/2"})
    lowering = Text(graph)
    with pytest.raises(UnsupportedOperatorsError, match=r"Text cannot hold these operators \(2\):") as refused:
        lowering.run()
    nodes = [(node.name, node.operator, node.reason) for node in refused.value.nodes]
    assert nodes == [("m0", "Tanh", "no word for it"), ("gate/2", "Sigmoid", "no word for it")]
    assert lowering.values[list(graph.graph.nodes)[2]] == "m1=relu(?)"  # the walk went on


def test_handlers_of_a_base_class_count_where_that_is_asked_for():
    class Own(nn.ReLU):
        pass

    assert Text(graph_of(Own()), inherited=True).run() == ["m0=relu(pixels/0)"]
    with pytest.raises(UnsupportedOperatorsError, match="Own 'm0': no word for it"):
        Text(graph_of(Own())).run()


def test_a_node_that_calls_no_module_is_refused():
    graph = graph_of(nn.ReLU())
    (call,) = (node for node in graph.graph.nodes if node.op == "call_module")
    with graph.graph.inserting_after(call):
        function = graph.graph.call_function(torch.tanh, (call,))
    next(node for node in graph.graph.nodes if node.op == "output").args = (function,)
    with pytest.raises(UnsupportedOperatorsError, match=r"call_function .*it calls no module"):
        Text(graph).run()


def test_a_node_is_lowered_once_and_when_asked_for():
    graph = graph_of(nn.ReLU(), nn.ReLU())
    lowering = Text(graph)
    last = lowering.outputs[0]
    assert lowering.value(last) is lowering.value(last)
    assert lowering.results() == ["m1=relu(m0=relu(pixels/0))"]


def test_gathered_refusals():
    refusals = Refusals("A file cannot hold these")
    refusals.raise_all()
    refusals.add("a", "Tanh", Refusal("because"))
    with pytest.raises(UnsupportedOperatorsError, match="Tanh 'a': because"):
        refusals.raise_all()
    names = UniqueNames()
    assert [names.take(name) for name in ("a", "b", "a", "a")] == ["a", "b", "a:2", "a:3"]
