"""A spiking graph of single-threshold neurons -> the nodes and edges of a NIR graph, module by module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import fx, nn

from snnconv.formats.nir.draft import INPUT, OUTPUT, NirDraft
from snnconv.formats.nir.signals import NirSignal
from snnconv.graph.access import module_of, operands
from snnconv.graph.lowering import Lowering, form_of
from snnconv.graph.modules import Transpose
from snnconv.graph.node import Refusal
from snnconv.model import Model
from snnconv.neurons import Fold, Repeat, Steps, TimeMean
from snnconv.registry import Registry

__all__ = ["NIR_FORMS", "NO_FORM", "TIME", "NirForm", "NirWriter"]

TIME = (Fold, Repeat, Steps, TimeMean)
PASSING = (*TIME, nn.Identity, nn.Dropout)
NO_FORM = "NIR has no node for it"
OF_THE_WINDOW = "it takes the mean over all time steps, for which NIR has no node: end the network before it"

# (writer, node, module, signals of its operands) -> signal that it puts out
NirForm = Callable[["NirWriter", fx.Node, Any, list[NirSignal]], NirSignal]

# module class -> how it is written; a class that derives from it is written in the same way
NIR_FORMS: Registry[type[nn.Module], NirForm] = Registry("module type")


class NirWriter(Lowering[NirSignal]):
    """Walk that writes one network into a draft.

    Args:
        model: An SNN of one level a step.
        exact_reset: Flag to build the reset by subtraction of primitives.
        unit_thresholds: Flag to let every threshold be 1.
        dt: Seconds of a step.

    Attributes:
        draft: The NIR graph in the making.
        exact_reset, unit_thresholds, dt: See the arguments.
        padding: Zeros that a node puts around rows and columns, which the convolution behind it takes in.
        sites: Names of the nodes that fire, by the names of the sites in our graph.
        exact_sites: Names of the sites whose reset is built of primitives.
        turned: Flag of a network whose input has its channels last, and the file's first.
    """

    def __init__(self, model: Model, *, exact_reset: bool, unit_thresholds: bool, dt: float) -> None:
        super().__init__(model.graph, "NIR cannot hold these operators")
        self.draft = NirDraft(len(model.outputs))
        self.exact_reset, self.unit_thresholds, self.dt = exact_reset, unit_thresholds, dt
        self.padding: dict[fx.Node, list[tuple[int, int]]] = {}
        self.sites: dict[str, str] = {}
        self.exact_sites: list[str] = []
        self.turned = all(self._turns(user) for user in self.input.users)

    def write(self) -> NirDraft:
        """Write all nodes.

        Raises:
            UnsupportedOperatorsError: NIR cannot hold some modules; all of them are listed.
        """
        shape = tuple(self.input.meta["shape"])
        if self.turned:
            shape = (shape[2], shape[0], shape[1])
        self.values[self.input] = self.draft.input(shape)
        outputs = self.run()
        for number, signal in enumerate(outputs[: len(outputs) // 2]):
            self.draft.output(OUTPUT if not number else f"{OUTPUT}_{number}", signal)
        self.draft.finish()
        return self.draft

    def lower(self, node: fx.Node, module: nn.Module, inputs: list[NirSignal]) -> NirSignal:
        """Write one module."""
        try:
            form = form_of("nir", NIR_FORMS, module, NO_FORM, inherited=True)
        except Refusal as refusal:
            raise self.no_form(node, str(refusal)) from refusal
        return form(self, node, module, inputs).read_by(len(node.users))

    def stand_in(self, node: fx.Node) -> NirSignal:
        """Return the input in the node's shape."""
        return NirSignal({INPUT: np.ones(())}, tuple(node.meta["shape"]))

    def modules_before(self, node: fx.Node) -> list[nn.Module]:
        """Return the modules whose outputs a node takes."""
        return [module_of(self.graph, operand) for operand in operands(node) if operand.op == "call_module"]

    def modules_behind(self, node: fx.Node) -> list[nn.Module]:
        """Return the modules that read a node."""
        return [module_of(self.graph, user) for user in node.users if user.op == "call_module"]

    def no_form(self, node: fx.Node, reason: str = NO_FORM) -> Refusal:
        """Return the refusal of a module without a form: what takes the mean of the window is refused for that."""
        waits = any(isinstance(module, TimeMean) for module in self.modules_before(node))
        return Refusal(OF_THE_WINDOW if waits else reason)

    def _turns(self, node: fx.Node) -> bool:
        """Return whether a node, or all that read what it passes on, turn the network's input to channels first."""
        if node.op != "call_module":
            return False
        module = module_of(self.graph, node)
        if isinstance(module, PASSING):
            return all(self._turns(user) for user in node.users)
        return isinstance(module, Transpose) and module.order == (0, 3, 1, 2)
