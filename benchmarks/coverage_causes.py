"""Why networks are refused, in a few words: the importer's reasons, grouped by cause.

The importer names every node and every weight that stands in the way. A reader of a table wants the kinds of obstacles
and how many nodes each of them has.

>>> short_causes({"GELU": 12, "LayerNorm": 25})
['LayerNorm (25)', 'GELU (12)']
>>> short_causes({"Reciprocal: the operator is not known": 3, "Where: the operator is not known": 1})
['unknown operators (4)']
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST = 4  # causes of one network that are listed

CAUSES = {
    "the operator is not known": "unknown operators",
    "must be an activation": "operands that are no activation",
    "must not depend on the batch size": "shapes that depend on the batch size",
    "moves the batch axis": "moved batch axis",
    "NaN or infinite values": "NaN or infinite weights",
    "constants computed from others may take": "constants too large",
    "its mode 'cubic'": "cubic interpolation",
    "a normalisation to unit length": "unit-length normalisation",
    "a power of an activation": "powers",
    "a recurrent layer": "recurrent layers",
    "SiLU (swish)": "SiLU",
}


def cause(reason: str) -> str:
    """Return the cause of one of the importer's reasons: what all nodes refused alike have in common."""
    return next((short for phrase, short in CAUSES.items() if phrase in reason), reason)


def count_causes(reasons: Mapping[str, int]) -> Counter[str]:
    """Return the number of nodes that each cause has, from the number that each reason has."""
    counts: Counter[str] = Counter()
    for reason, nodes in reasons.items():
        counts[cause(reason)] += nodes
    return counts


def short_causes(reasons: Mapping[str, int]) -> list[str]:
    """Return the most frequent causes as `cause (nodes)`, and how many more causes there are."""
    counts = count_causes(reasons)
    listed = [f"{name} ({nodes})" if nodes > 1 else name for name, nodes in counts.most_common(MOST)]
    rest = len(counts) - len(listed)
    return [*listed, f"and {rest} more"] if rest else listed
