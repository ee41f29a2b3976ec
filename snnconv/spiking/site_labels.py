"""Labels of sites for tables: the name in the user's file, and the layer before it where that name says nothing."""

from __future__ import annotations

import re
from collections import Counter

from torch import fx

from snnconv.graph.access import display_name, module_of, operands
from snnconv.graph.linear import LINEAR
from snnconv.spiking.sites import is_site, iter_sites

__all__ = ["feeding_layer", "module_path", "says_nothing", "site_labels"]

# Names that exporters make up: an operator or a tensor, a number behind it, or a number alone.
_MADE_UP = re.compile(
    r"(onnx::|node_|n\d*_)?"
    r"(re_?lu6?|clip|clamp|hardtanh|leaky_?relu|prelu|hard_?swish|sigmoid|act|activation|non_?linearity|"
    r"conv|conv_?\dd|convolution|conv_?transpose|gemm|mat_?mul|linear|dense|fc|add|plus|sum|"
    r"val|value|input|output|out|x|y|tensor|node|op)?"
    r"[_.:]?\d*",
    re.IGNORECASE,
)


def says_nothing(name: str) -> bool:
    """Return whether a node's name tells nothing of its place: an operator, a number, or both.

    >>> says_nothing("Relu_12"), says_nothing("/Relu"), says_nothing("137")
    (True, True, True)
    >>> says_nothing("layer1.0.relu"), says_nothing("/layer1/Relu")
    (False, False)
    """
    return all(_MADE_UP.fullmatch(part) for part in name.split("/"))


def module_path(name: str) -> str:
    """Return the path of the module that a node was exported from, as far as the node's name tells it.

    >>> module_path("/layer2/layer2.0/conv1/Conv"), module_path("Conv_3")
    ('layer2.0.conv1', 'Conv_3')
    """
    parts = [part for part in name.split("/") if part]
    if len(parts) > 1 and says_nothing(parts[-1]):
        parts.pop()  # the operator
    following = [*parts[1:], ""]
    return ".".join(part for part, after in zip(parts, following, strict=True) if not after.startswith(f"{part}."))


def feeding_layer(graph: fx.GraphModule, site: fx.Node) -> fx.Node | None:
    """Return the convolution or linear layer that a site's current comes from, the last one where there are several.

    Args:
        graph: Graph that holds the site.
        site: Node of the site.

    Returns:
        The layer, or None where only other sites or the input come before the site.
    """
    layers, seen = set(), set()
    nodes = list(operands(site))
    while nodes:
        node = nodes.pop()
        if node in seen or node.op != "call_module":
            continue
        seen.add(node)
        module = module_of(graph, node)
        if isinstance(module, LINEAR):
            layers.add(node)
        elif not is_site(module):
            nodes += operands(node)
    in_order = [node for node in graph.graph.nodes if node in layers]
    return in_order[-1] if in_order else None


def site_labels(graph: fx.GraphModule) -> tuple[str, ...]:
    """Return one label for each site in the order of execution, no two of them the same.

    A name such as `layer1.0.relu` is a label as it stands; `Relu_12` becomes `Relu_12 after layer2.0.conv1`.
    """
    labels = [_label(graph, node) for node, _ in iter_sites(graph)]
    counts = Counter(labels)
    return tuple(f"{label} (site {place})" if counts[label] > 1 else label for place, label in enumerate(labels, 1))


def _label(graph: fx.GraphModule, site: fx.Node) -> str:
    name = display_name(site)
    layer = feeding_layer(graph, site) if says_nothing(name) else None
    return name if layer is None else f"{name} after {module_path(display_name(layer))}"
