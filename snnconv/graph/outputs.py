"""The outputs of a file: those that depend on the input, the batch at axis 0."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from snnconv.errors import ModelError, SnnconvWarning
from snnconv.graph.node import Activation, Operand

__all__ = ["outputs_of"]


def outputs_of(names: Sequence[str], values: Mapping[str, Operand]) -> dict[str, Activation]:
    """Return the outputs that depend on the input.

    Args:
        names: Names of the file's outputs.
        values: Values of the file, by name.

    Raises:
        ModelError: There is none, or the file has the batch of one merged with another axis.

    Warns:
        SnnconvWarning: An output is constant, or the file has its batch elsewhere than at axis 0.
    """
    if not names:
        raise ModelError("The network has no output.")
    if len(set(names)) < len(names):
        raise ModelError(f"Two outputs have the same name: {', '.join(names)}.")
    stated = {name: values.get(name) for name in names}
    outputs = {name: value for name, value in stated.items() if isinstance(value, Activation)}
    fixed = ", ".join(repr(name) for name in stated if name not in outputs)
    if not outputs:
        raise ModelError(f"The output {fixed} does not depend on the input.")
    if fixed:
        warnings.warn(f"The output {fixed} is constant, and left out.", SnnconvWarning, stacklevel=2)
    for name, value in outputs.items():
        _check_batch(name, value)
    return outputs


def _check_batch(name: str, value: Activation) -> None:
    """Check that an output has the batch at axis 0 in the file, too; elsewhere, say where it is in the graph.

    Raises:
        ModelError: The file has the batch merged with another axis.
    """
    if value.merged > 1 or value.rows:
        raise ModelError(f"The output {name!r} has the batch merged with another axis: export it with axis 0.")
    if value.batch_axis:
        warnings.warn(
            f"The output {name!r} has the batch at axis {value.batch_axis} in the file; here it is at axis 0.",
            SnnconvWarning,
            stacklevel=2,
        )
