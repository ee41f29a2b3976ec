"""The walk that all written formats share: one node after the other becomes a value of the format.

A format derives from `Lowering` and says what one node becomes, mostly by a look-up in its own registry of handlers.
The walk holds the values, gives out names, and gathers what the format cannot hold, so that all of it is refused at
once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Generic, TypeVar

from torch import fx, nn

from snnconv.errors import UnsupportedNode, UnsupportedOperatorsError
from snnconv.graph.access import display_name, input_of, module_of, operands, results
from snnconv.graph.node import Refusal
from snnconv.graph.operator import NoForm, find_operator
from snnconv.registry import Registry

__all__ = ["Lowering", "Refusals", "UniqueNames", "form_of", "look_up"]

Value = TypeVar("Value")
Handler = TypeVar("Handler")


class Refusals:
    """The nodes that a format cannot hold, gathered so that all are refused at once.

    Args:
        heading: Statement that the error opens with, such as "NIR cannot hold these operators".
    """

    def __init__(self, heading: str) -> None:
        self.heading = heading
        self.nodes: list[UnsupportedNode] = []

    def add(self, name: str, operator: str, refusal: Refusal | str) -> None:
        """Note one node and the reason why it is refused."""
        self.nodes.append(UnsupportedNode(name, operator, str(refusal)))

    def raise_all(self) -> None:
        """Raise what was gathered.

        Raises:
            UnsupportedOperatorsError: At least one node is refused; all of them are listed.
        """
        if self.nodes:
            raise UnsupportedOperatorsError(self.heading, self.nodes)


class UniqueNames:
    """Readable names, each given out once."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()

    def take(self, name: str) -> str:
        """Return a name, the second time it is asked for as `name:2`.

        >>> names = UniqueNames()
        >>> names.take("conv"), names.take("conv"), names.take("fc")
        ('conv', 'conv:2', 'fc')
        """
        self._requests[name] += 1
        return name if self._requests[name] == 1 else f"{name}:{self._requests[name]}"


def look_up(
    handlers: Registry[type[nn.Module], Handler], module: nn.Module, reason: str, *, inherited: bool = False
) -> Handler:
    """Return the handler that a registry has for a module.

    Args:
        handlers: Registry of the format.
        module: Module to be lowered.
        reason: Reason of the refusal where there is no handler.
        inherited: Flag that lets a handler of a class count which the module's class derives from.

    Raises:
        Refusal: There is none.
    """
    for kind in type(module).__mro__ if inherited else (type(module),):
        handler = handlers.get(kind)
        if handler is not None:
            return handler
    raise Refusal(reason)


def form_of(
    name: str,
    handlers: Registry[type[nn.Module], Handler],
    module: nn.Module,
    reason: str,
    *,
    inherited: bool = False,
) -> Handler:
    """Return the handler that a format's registry has for a module, else the form in the record of its operator.

    Args:
        name: Name of the format in the records.
        handlers: Registry of the format: neurons, and what is registered from outside.
        module: Module to be lowered.
        reason: Reason of the refusal where nothing is known of the module.
        inherited: Flag that lets a handler of a class count which the module's class derives from.

    Raises:
        Refusal: There is none; where the record says why, with that reason.
    """
    operator = find_operator(module)
    form = None if operator is None else operator.forms.get(name)
    try:
        return look_up(handlers, module, form.reason if isinstance(form, NoForm) else reason, inherited=inherited)
    except Refusal:
        if form is None or isinstance(form, NoForm):
            raise
    handler: Handler = form
    return handler


class Lowering(ABC, Generic[Value]):
    """Walk over a graph, from the value of its input to the values of its outputs.

    Args:
        graph: Graph of `placeholder`, `call_module` and `output` nodes.
        heading: Statement that the error opens with which lists what the format cannot hold.

    Attributes:
        graph: The graph.
        input: Node of the network's input.
        input_name: Name of the network's input.
        outputs: Nodes whose values the graph returns.
        values: Values of the nodes that were lowered; that of the input is put there before the walk.
        refusals: Nodes that were refused.
    """

    def __init__(self, graph: fx.GraphModule, heading: str) -> None:
        self.graph = graph
        self.input = input_of(graph)
        self.input_name = display_name(self.input)
        self.outputs = results(graph)
        self.values: dict[fx.Node, Value] = {}
        self.refusals = Refusals(heading)
        self._names = UniqueNames()

    @abstractmethod
    def lower(self, node: fx.Node, module: nn.Module, inputs: list[Value]) -> Value:
        """Return what a node becomes.

        Args:
            node: Node that calls the module.
            module: Module of the node.
            inputs: Values of the node's operands.

        Raises:
            Refusal: The format cannot hold it.
        """

    @abstractmethod
    def stand_in(self, node: fx.Node) -> Value:
        """Return a value in the place of what is refused, so that what comes after it is looked at too."""

    def run(self) -> list[Value]:
        """Lower every node, and return the values of the outputs.

        Raises:
            UnsupportedOperatorsError: The format cannot hold some nodes; all of them are listed.
        """
        for node in self.graph.graph.nodes:
            if node.op not in ("placeholder", "output"):
                self.value(node)
        return self.results()

    def results(self) -> list[Value]:
        """Return the values of the outputs, lowered where they are not yet.

        Raises:
            UnsupportedOperatorsError: The format cannot hold some nodes; all that were met are listed.
        """
        values = [self.value(node) for node in self.outputs]
        self.refusals.raise_all()
        return values

    def value(self, node: fx.Node) -> Value:
        """Return the value of a node; it is lowered, and all that leads to it, when first asked for."""
        if node not in self.values:
            self.values[node] = self._lowered(node)
        return self.values[node]

    def fresh_name(self, node: fx.Node) -> str:
        """Return a new name for what a node becomes: a module that is called twice is written twice."""
        return self._names.take(display_name(node))

    def _lowered(self, node: fx.Node) -> Value:
        operator = str(node.op)
        try:
            if node.op != "call_module":
                raise Refusal("it calls no module")
            module = module_of(self.graph, node)
            operator = type(module).__name__
            return self.lower(node, module, [self.value(operand) for operand in operands(node)])
        except Refusal as refusal:
            self.refusals.add(display_name(node), operator, refusal)
            return self.stand_in(node)
