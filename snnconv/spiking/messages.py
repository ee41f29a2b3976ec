"""A differential network as its messages run it: the form that a chip computes, beside that of values so far.

    code power-of-two: a tensor's message d_t is the change of its value; the values so far are their sums
    code uniform:      a tensor's message I_t is its current; the values so far are their means

An operator takes messages as its record says that it behaves in time: an affine one acts on them, with its bias in the
first message (of currents, in each); a product of two signals sends dA·B_{t-1} + A_t·dB; any other function f of
accumulated inputs X_t sends f(X_t) - f(X_{t-1}). Neurons know what they were told and what they told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx, nn

from snnconv.errors import ModelError
from snnconv.graph.access import module_of, operands, results
from snnconv.graph.operator import Time, time_of
from snnconv.model import SNN, Model
from snnconv.neurons import Code, Coupling, NoForm, Repeat, SpikingSite, Steps, TimeMean, capabilities_of
from snnconv.neurons.site import along_channels
from snnconv.spiking.temporal import analyse

__all__ = ["MessagePassing", "code_of"]

Teller = Callable[[fx.Node, SpikingSite, int, Tensor], Tensor]


def code_of(model: Model) -> Code:
    """Return the code of a differential network.

    Raises:
        ModelError: The network's coupling is another one.
    """
    if not isinstance(model, SNN) or model.coupling is not Coupling.DIFFERENTIAL:
        raise ModelError("Only a spiking network of differential coupling tells changes: convert with that coupling.")
    return next(module.code for module in model.graph.modules() if isinstance(module, SpikingSite) and module.code)


class MessagePassing:
    """A run of a differential network, message by message.

    Args:
        model: SNN of differential coupling, in the precision to run in.
        teller: What a layer of neurons told until a step, given its node, its module, the step (from 1) and the value
            that it was told so far; None: the neurons' own rule (`telling`).

    Attributes:
        received: Value so far that each layer of neurons was told, by its node, of the latest step.
    """

    def __init__(self, model: SNN, teller: Teller | None = None) -> None:
        self.graph, self.code, self.timesteps = model.graph, code_of(model), model.timesteps
        self.temporal = analyse(self.graph, Coupling.DIFFERENTIAL).temporal
        self.teller = self._own_rule if teller is None else teller
        self.static: dict[fx.Node, Tensor] = {}
        self.sums: dict[fx.Node, Tensor] = {}  # of a tensor's messages, where something reads its value so far
        self.summed = self._nodes_read_as_sums()
        self.last_reader = {operand: node for node in self.graph.graph.nodes for operand in operands(node)}
        self.told: dict[fx.Node, Tensor] = {}  # of a layer of neurons: the value that its readers know
        self.offsets: dict[fx.Node, Tensor] = {}
        self.received: dict[fx.Node, Tensor] = {}
        self.step = 0

    def advance(self, x: Tensor) -> tuple[Tensor, ...]:
        """Run one step on a batch `[B, ...]`, the same at every step; return each output as it is known after it."""
        self.step += 1
        self.samples = len(x)
        messages: dict[fx.Node, Tensor] = {}
        for node in self.graph.graph.nodes:
            if node.op == "placeholder":
                self.static[node] = x
            elif node.op == "call_module":
                self._run(node, module_of(self.graph, node), messages)
                for operand in set(operands(node)):
                    if self.last_reader[operand] is node:
                        messages.pop(operand, None)
        outputs = results(self.graph)
        return tuple(self._known(operands(node)[0]) for node in outputs[len(outputs) // 2 :])

    def _run(self, node: fx.Node, module: nn.Module, messages: dict[fx.Node, Tensor]) -> None:
        if isinstance(module, (Steps, TimeMean)):
            return
        if isinstance(module, Repeat):
            self.static[node] = self.static[operands(node)[0]]
            return
        if node not in self.temporal:
            if self.step == 1:
                self.static[node] = module(*(self.static[operand] for operand in operands(node)))
            return
        if isinstance(module, SpikingSite):
            messages[node] = self._tell(node, module)
        else:
            messages[node] = self._operate(node, module, messages)
        if node in self.summed:
            before = self.sums.get(node)
            self.sums[node] = messages[node] if before is None else before + messages[node]

    def _nodes_read_as_sums(self) -> set[fx.Node]:
        """Return the nodes whose value so far is read: all that affine operators do not read alone."""
        summed: set[fx.Node] = set()
        for node in self.graph.graph.nodes:
            if node.op == "call_module" and node in self.temporal:
                module = module_of(self.graph, node)
                changing = [operand in self.temporal for operand in operands(node)]
                if isinstance(module, SpikingSite):
                    summed.update(operands(node))
                elif not isinstance(module, (Steps, TimeMean, Repeat)) and time_of(module, changing) is not Time.AFFINE:
                    summed.update((node, *operands(node)))
        return summed.union(*(operands(node) for node in results(self.graph)))

    def _known(self, node: fx.Node) -> Tensor:
        """Return the value so far of a tensor."""
        if node not in self.temporal:
            return self.static[node]
        return self.sums[node] / self.step if self.code is Code.UNIFORM else self.sums[node]

    def _own_rule(self, node: fx.Node, site: SpikingSite, step: int, value: Tensor) -> Tensor:
        rule = capabilities_of(site).telling
        assert not isinstance(rule, NoForm)
        array = value.double().cpu().numpy()
        before = self.told.get(node)
        if before is None:
            before = initial_value(site, value)
        return torch.from_numpy(rule(site, step, array, before.double().cpu().numpy())).to(value)

    def _tell(self, node: fx.Node, site: SpikingSite) -> Tensor:
        """Return the message of a layer of neurons; the first holds what its readers know before it."""
        value = self._known(operands(node)[0])
        self.received[node] = value
        before = self.told.get(node, torch.zeros_like(value))
        after = self.teller(node, site, self.step, value)
        self.told[node] = after
        return self.step * after - (self.step - 1) * before if self.code is Code.UNIFORM else after - before

    def _operate(self, node: fx.Node, module: nn.Module, messages: dict[fx.Node, Tensor]) -> Tensor:
        """Return the message of an operator."""
        sources = operands(node)
        changing = [operand in self.temporal for operand in sources]
        time = time_of(module, changing)
        if time is Time.AFFINE:
            out: Tensor = module(*self._values(sources, lambda operand: messages[operand]))
            if self.step == 1 or self.code is Code.UNIFORM:
                return out
            return _change(self._offset(node, module, messages, len(out)), out)
        if time is Time.PRODUCT and self.code is Code.POWER_OF_TWO and self.step > 1 and len(sources) == 2:
            first, second = sources
            earlier = self.sums[second] - messages[second]
            return torch.add(module(messages[first], earlier), module(self.sums[first], messages[second]))
        now: Tensor = module(*self._values(sources, self._known))
        if self.code is Code.UNIFORM:
            now = now * self.step
        return _change(self.sums[node], now) if node in self.sums else now

    def _values(self, sources: Sequence[fx.Node], of: Callable[[fx.Node], Tensor]) -> list[Tensor]:
        return [of(operand) if operand in self.temporal else self.static[operand] for operand in sources]

    def _offset(self, node: fx.Node, module: nn.Module, messages: dict[fx.Node, Tensor], size: int) -> Tensor:
        """Return what an affine operator gives where nothing arrives: its bias, which the first message held.

        It is that of one sample, unless static operands differ from sample to sample, or the first axis of an operand
        or of the output, of `size`, holds more than the samples.
        """
        if node not in self.offsets:
            alike = size == self.samples and all(
                operand in self.temporal and len(messages[operand]) == self.samples for operand in operands(node)
            )
            part = slice(0, 1) if alike else slice(None)
            silence = self._values(operands(node), lambda operand: torch.zeros_like(messages[operand][part]))
            self.offsets[node] = module(*silence)
        return self.offsets[node]


def _change(before: Tensor, now: Tensor) -> Tensor:
    """Return the change of a value; what a mask has made infinite, and stays so, does not change."""
    return torch.where(now == before, 0.0, now - before)


def initial_value(site: SpikingSite, like: Tensor) -> Tensor:
    """Return what a layer's readers know before the first step, of the shape of its values `[B, ...]`."""
    start = getattr(site, "initial", None)
    if not isinstance(start, Tensor):
        return torch.zeros_like(like)
    return torch.zeros_like(like) + along_channels(start * site.threshold, like.dim(), site.channel_axis)
