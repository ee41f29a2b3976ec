"""Give what is no rectifier its neurons: activations of another kind, norms, softmaxes and products of signals.

*Transfers*, activations that a network has in a ReLU's stead (LeakyReLU, GELU, SiLU, hard-swish, clipping between two
bounds), put out values of both signs, or follow no threshold that a neuron has. They stay in the graph as the transfer
f of the neurons behind them: a layer of (signed) neurons receives f of its current. Under mean coupling f is taken
once, of the mean of the window; under causal coupling it is taken of each step's current, and the mean of f is not f of
the mean: one more source of unevenness.

*Reads*: a linear operator, and each side of a product of signals (the queries, keys and values of attention), takes
spikes. So neurons stand where one of them reads what no neuron fires: a norm, a softmax, a product. What only moves
values between the two is passed over; where one layer makes all that products read (queries, keys and values at once),
neurons stand right behind it, so that each of its channels has a threshold of its own. The residual stream is no place
for neurons: it stays a sum of what others fired.

An activation that no linear operator follows stays analog: what it puts out crosses no synapse.
"""

from __future__ import annotations

from torch import fx, nn

from snnconv.graph.access import calls, display_name, finish, module_of, operands
from snnconv.graph.modules import SignalSite
from snnconv.graph.operator import FREE, NeuronPlace, Time, find_operator, has_synapses, operator_of, time_of
from snnconv.graph.passes import SIMPLIFY, Pass, Property, guaranteed
from snnconv.spiking.sites import insert_after, is_site, is_transfer

__all__ = ["READS_PLACED", "SIGNALS_PLACED", "origin_of", "place_reads", "place_signals", "reads_signals"]


def _place_signals(graph: fx.GraphModule) -> bool:
    synapses = _leads_to_synapse(graph)
    changed = False
    for node in calls(graph):
        users = _unfired(graph, node)
        if not is_transfer(module_of(graph, node)) or node not in synapses or not users:
            continue
        _put_behind(graph, node, node, users, display_name(node))
        changed = True
    return finish(graph, changed)


def _put_behind(graph: fx.GraphModule, node: fx.Node, origin: fx.Node, users: list[fx.Node], name: str) -> None:
    """Put the place of neurons between a node and some of its users; what made its values tells their bounds."""
    module = module_of(graph, origin)
    low, high = operator_of(module).bounds_of(module)
    site = SignalSite(signed=low < 0, cap=float(max(-low, high)))
    signal = insert_after(graph, node, site, f"{node.target}_signal")
    signal.meta["onnx_name"] = name
    for user in users:
        user.replace_input_with(node, signal)


def _unfired(graph: fx.GraphModule, node: fx.Node) -> list[fx.Node]:
    """Users of a node that are no sites themselves, and so take its output as it is."""
    return [user for user in node.users if user.op != "call_module" or not is_site(module_of(graph, user))]


def _leads_to_synapse(graph: fx.GraphModule) -> set[fx.Node]:
    """Nodes whose output reaches a linear operator, or a product of signals, further on."""
    upstream: set[fx.Node] = set()
    for node in reversed(list(graph.graph.nodes)):
        for user in node.users:
            if user in upstream or (user.op == "call_module" and _reads_spikes(graph, user)):
                upstream.add(node)
    return upstream


def _reads_spikes(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node is a linear operator or a product of signals that neurons are put before."""
    module = module_of(graph, node)
    return has_synapses(module) or _is_product(module)


def _is_product(module: nn.Module) -> bool:
    """Whether a module is a sum over products of two signals; a gate multiplies spikes one by one, and is none."""
    operator = find_operator(module)
    if operator is None or operator.activation_of(module) is not NeuronPlace.READ:
        return False
    return time_of(module, [True, True]) is Time.PRODUCT


def _place_reads(graph: fx.GraphModule) -> bool:
    waiting = _analog_reads(graph)
    for (node, origin), users in waiting.items():
        _put_behind(graph, node, origin, users, _name(graph, node, origin, users[0]))
    return finish(graph, bool(waiting))


def _name(graph: fx.GraphModule, node: fx.Node, origin: fx.Node, reader: fx.Node) -> str:
    """Name of neurons: that of what made their values, where they stand behind it or it is a norm, softmax or product.

    Else that of the side of the product that reads them.
    """
    place = operator_of(module_of(graph, origin)).activation_of(module_of(graph, origin))
    if node is origin or place is NeuronPlace.READ:
        return display_name(origin)
    return f"{display_name(reader)}.{'left' if operands(reader)[0] is node else 'right'}"


def _analog_reads(graph: fx.GraphModule) -> dict[tuple[fx.Node, fx.Node], list[fx.Node]]:
    """Nodes of which linear operators or products read what no neuron fires, with what made it, and those readers."""
    reads: dict[tuple[fx.Node, fx.Node], list[fx.Node]] = {}
    for reader in calls(graph):
        if not _reads_spikes(graph, reader):
            continue
        product = _is_product(module_of(graph, reader))
        for node in dict.fromkeys(operands(reader)):
            origin = origin_of(graph, node)
            if origin.op != "call_module" or not _is_analog(graph, origin, product=product):
                continue
            if has_synapses(module_of(graph, origin)) and _is_moved_to_readers(graph, origin):
                reads[origin, origin] = list(origin.users)
            else:
                reads.setdefault((node, origin), []).append(reader)
    return reads


def _is_moved_to_readers(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether all that becomes of a node's values is that they are moved to linear operators and products.

    Then neurons right behind it serve them all (queries, keys and values that one layer makes), a threshold a channel.
    """
    return all(
        user.op == "call_module"
        and (_reads_spikes(graph, user) or (_moves_alone(graph, user) and _is_moved_to_readers(graph, user)))
        for user in node.users
    )


def _moves_alone(graph: fx.GraphModule, node: fx.Node) -> bool:
    return len(operands(node)) == 1 and _moves(module_of(graph, node))


def origin_of(graph: fx.GraphModule, node: fx.Node) -> fx.Node:
    """Return the node that made the values which reach this one, before others moved or scaled them."""
    while node.op == "call_module" and _moves_alone(graph, node):
        node = operands(node)[0]
    return node


def reads_signals(graph: fx.GraphModule) -> bool:
    """Return whether an ANN with its sites has neurons behind norms or softmaxes, or products of signals."""
    return any(_is_product(module_of(graph, node)) or _is_fired_read(graph, node) for node in calls(graph))


def _is_fired_read(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether neurons fire the values of a norm or softmax as they are."""
    operator = find_operator(module_of(graph, node))
    if operator is None or operator.activation_of(module_of(graph, node)) is not NeuronPlace.READ:
        return False
    return any(user.op == "call_module" and isinstance(module_of(graph, user), SignalSite) for user in node.users)


def _moves(module: nn.Module) -> bool:
    """Whether spikes that a module takes are spikes in its output: it moves them, or scales them by constants."""
    operator = find_operator(module)
    if operator is None or is_site(module):
        return False
    return operator.cost is FREE or (not has_synapses(module) and time_of(module, [True]) is Time.AFFINE)


def _is_analog(graph: fx.GraphModule, origin: fx.Node, *, product: bool) -> bool:
    """Whether a reader takes an origin's values as they are, and neurons should fire them.

    A product takes neither sums nor what linear operators make, so that both of its sides are spikes.
    """
    module = module_of(graph, origin)
    operator = find_operator(module)
    if operator is None or is_site(module):
        return False
    return product or operator.activation_of(module) is NeuronPlace.READ


SIGNALS_PLACED = Property(
    "neurons behind every activation that is no rectifier",
    lambda graph: (
        not any(
            is_transfer(module_of(graph, node)) and node in _leads_to_synapse(graph) and _unfired(graph, node)
            for node in calls(graph)
        )
    ),
)
READS_PLACED = Property(
    "neurons wherever a linear operator or a product reads a norm, a softmax or a product",
    lambda graph: not _analog_reads(graph),
)

place_signals = Pass("place_signals", _place_signals, ensures=frozenset({SIGNALS_PLACED}), keeps=guaranteed(SIMPLIFY))
place_reads = Pass(
    "place_reads",
    _place_reads,
    requires=frozenset({SIGNALS_PLACED}),
    ensures=frozenset({READS_PLACED}),
    keeps=guaranteed(SIMPLIFY) | {SIGNALS_PLACED},
)
