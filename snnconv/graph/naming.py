"""Names: those a reader knows from the file, and those Python and torch.fx accept."""

from __future__ import annotations

import ast
import keyword
import re

import onnx
from torch import fx, nn

__all__ = ["Names", "identifier", "readable_name"]

SCOPES = "pkg.torch.onnx.name_scopes"  # torch's exporter: the path of modules that a node came from


def readable_name(node: onnx.NodeProto) -> str:
    """Return the file's own name of a node; of a file by torch's exporter the path of the module it came from."""
    text = next((prop.value for prop in node.metadata_props if prop.key == SCOPES), None)
    if text is not None:
        try:
            scopes = [scope for scope in ast.literal_eval(text)[:-1] if scope]
        except (ValueError, SyntaxError, TypeError, LookupError, MemoryError, RecursionError):
            scopes = []
        if scopes:
            return str(scopes[-1])
    return node.name or next((name for name in node.output if name), node.op_type)


def _attributes_of_torch() -> frozenset[str]:
    graph = fx.Graph()
    graph.output(())
    return frozenset(dir(fx.GraphModule(nn.Module(), graph)))


RESERVED = _attributes_of_torch() | {"self"}  # fx gives a node's result a variable of its name


def identifier(name: str) -> str:
    """Return an identifier of ASCII letters, digits and underscores, as close to `name` as that allows."""
    base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "node"
    return f"n_{base}" if not base[0].isalpha() or base in RESERVED or keyword.iskeyword(base) else base


class Names:
    """Turns any text into an identifier that is unique and clashes with nothing of a module's own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """Return the identifier of a name, with a number behind it where it is taken."""
        base = identifier(name)
        target, count = base, self._counts.get(base, 0)
        while target in self._taken:
            count += 1
            target = f"{base}_{count}"
        self._counts[base] = count
        self._taken.add(target)
        return target
