"""Arrays by name for the inputs of a network: each of its input's name, that of the only input also called `x`."""

from __future__ import annotations

from collections.abc import Mapping

from snnconv.data.archive import Held, held_in_words
from snnconv.data.samples import taken_shape
from snnconv.errors import DataError
from snnconv.inputspec import InputPart, InputSpec

__all__ = ["array_names", "parts_of"]

NUMBERS = "biuf"  # kinds of numpy types
ONLY_INPUT = "x"


def parts_of(spec: InputSpec) -> tuple[InputPart, ...]:
    """Return the named inputs of a network; a flat input without a name is called `x`.

    >>> [str(part) for part in parts_of(InputSpec(40, None, None, layout="NC"))]
    ['x [B, 40]']
    """
    return spec.parts or (InputPart(ONLY_INPUT, taken_shape(spec)),)


def array_names(
    parts: tuple[InputPart, ...],
    held: Mapping[str, Held],
    where: str,
    *,
    key: str | None = None,
    labels: str | None = None,
) -> dict[str, str]:
    """Return the name of the array for each input.

    Args:
        parts: Inputs of the network.
        held: Shapes and types by name, the axis of the samples first.
        where: Name of what holds them, for messages.
        key: Name of the array that the user chose for the only input; None: the one that has the input's name, else
            `x`, else the only one of the right shape.
        labels: Name of the array of labels, which is no input unless an input has its name.

    Raises:
        DataError: Inputs are not named, or arrays are of a wrong shape or hold no numbers, all listed; or arrays are of
            different numbers of samples.
    """
    names = {part.name: part.name for part in parts}
    if len(parts) == 1:
        names = {parts[0].name: key or _name_of(parts[0], held, labels)}
    elif key is not None:
        inputs = ", ".join(map(str, parts))
        raise DataError(f"{where}: #{key} chooses the array of a network's only input; this one takes {inputs}.")
    missing = [part for part in parts if names[part.name] not in held]
    if missing:
        way = "Name the arrays as the inputs are named" if len(parts) > 1 else "Choose an array with #KEY"
        raise DataError(
            f"{where} does not hold {', '.join(map(str, missing))}, which the network takes; it holds "
            f"{held_in_words(dict(held))}. {way}."
        )
    _require_fit(parts, names, held, where)
    return names


def _name_of(part: InputPart, held: Mapping[str, Held], labels: str | None) -> str:
    """Return the name of the array for a network's only input; the input's own name where there is none."""
    if part.name in held:
        return part.name
    if ONLY_INPUT in held:
        return ONLY_INPUT
    fitting = [name for name, array in held.items() if name != labels and array.shape[1:] == part.shape]
    return fitting[0] if len(fitting) == 1 else part.name


def _require_fit(parts: tuple[InputPart, ...], names: Mapping[str, str], held: Mapping[str, Held], where: str) -> None:
    """Refuse arrays of a wrong shape, of no numbers, or of different numbers of samples."""
    arrays = {part: held[names[part.name]] for part in parts}
    wrong = [
        f"{names[part.name]!r} is {array}, the network takes {part}"
        for part, array in arrays.items()
        if not array.shape or array.shape[1:] != part.shape or array.dtype.kind not in NUMBERS
    ]
    if wrong:
        raise DataError(f"{where}: {'; '.join(wrong)}. Give numbers of these shapes, B the number of samples.")
    counts = {names[part.name]: array.shape[0] for part, array in arrays.items()}
    if len(set(counts.values())) > 1:
        words = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DataError(f"{where} holds different numbers of samples: {words}. Give each input as many.")
    if not all(counts.values()):
        raise DataError(f"{where} holds no sample: at least one is needed.")
