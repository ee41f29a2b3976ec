"""The coupling of a conversion, and the messages of differential coupling, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnconv.errors import InvalidValueError
from snnconv.options import MOST_OCTAVES, Settings, documented, option

__all__ = ["CouplingSettings"]


@documented
@dataclass(frozen=True)
class CouplingSettings(Settings):
    """The knowledge of a neuron when it fires, and the messages that it sends.

    Raises:
        InvalidValueError: A value is outside what is allowed, or belongs to another coupling or code.
    """

    coupling: Literal["mean", "causal", "differential"] = option(
        "mean",
        "What a neuron knows when it fires. mean: all T steps of its input (exact, but each layer waits for the one "
        "before). causal: the steps so far (nothing waits, less exact). differential: the steps so far, and it can "
        "take back what it told too early (nothing waits, close to exact).",
    )
    code: Literal["power-of-two", "uniform"] | None = option(
        None,
        "Messages under differential coupling. power-of-two: a threshold, or a half, a quarter, .. of it, of either "
        "sign, at most one a step. uniform: levels from -L to L, which add up to those of the quantized network.",
        otherwise="power-of-two",
    )
    octaves: int | None = option(
        None,
        "How many sizes a power-of-two message may have: the threshold, a half, a quarter, .. of it. Fewer save "
        "energy, more come closer.",
        metavar="K",
        least=1,
        most=MOST_OCTAVES,
        otherwise="by measurement",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coupling != "differential" and (self.code is not None or self.octaves is not None):
            name, value = ("code", self.code) if self.code is not None else ("octaves", self.octaves)
            raise InvalidValueError(
                f"{name} is {value!r}, and the coupling is {self.coupling}: --code and --octaves belong to --coupling "
                "differential. Leave them out, or take that coupling."
            )
        if self.code == "uniform" and self.octaves is not None:
            raise InvalidValueError(
                f"octaves is {self.octaves}, and the code is uniform, whose messages are levels: leave --octaves out, "
                "or take --code power-of-two."
            )

    @property
    def sends_powers(self) -> bool:
        """True where neurons tell powers of two."""
        return self.coupling == "differential" and self.code != "uniform"

    def check_beside(self, timesteps: int, *, levels: bool, neuron: str, default_neuron: str) -> None:
        """Refuse choices that do not go with these.

        Args:
            timesteps: T.
            levels: True where L or N is asked for.
            neuron: Name of the neurons that are asked for.
            default_neuron: Name of the neurons that are taken where none are asked for.

        Raises:
            InvalidValueError: One of them does not go with the coupling or the code.
        """
        if self.coupling == "differential" and neuron != default_neuron:
            raise InvalidValueError(
                f"neuron is {neuron!r}, and differential coupling has neurons of its own: leave --neuron out."
            )
        if self.sends_powers and levels:
            raise InvalidValueError(
                "--levels or --total-levels is given, and power-of-two messages have no levels: leave both out "
                "(--octaves says how many sizes messages have), or take --code uniform."
            )
        if self.coupling == "differential" and not self.sends_powers and timesteps == 1:
            raise InvalidValueError(
                "timesteps is 1, and the code is uniform: what the first step tells can be taken back by later ones "
                "only. Take --timesteps 2 or more, or --code power-of-two."
            )
