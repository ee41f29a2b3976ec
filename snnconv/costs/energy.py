"""Prices of operations: the parameters of the energy estimate, each with its source, from one TOML file.

    energy_pj = multiply_accumulate·MACs + price·synaptic operations + addition·additions

The price of a synaptic operation is that of the count of spikes: an addition (unary), an addition with a shift
(power-of-two), or a multiply-accumulate of integers (graded). Neuron updates and memory accesses have figures of their
own (operations.py), which are not in that sum.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Literal

from snnconv.errors import InvalidValueError
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.tables import fill, parse, read_bytes

__all__ = ["AC_PJ", "DEFAULT", "ENERGY_NOTE", "MAC_PJ", "EnergyModel", "MemoryPrices", "OperationPrices", "Price"]


@dataclass(frozen=True)
class Price:
    """The price of one operation or access.

    Attributes:
        value: Energy in `unit`, at least 0.
        unit: Picojoules.
        source: Paper or measurement that the value comes from.

    Raises:
        InvalidValueError: The value is negative or no finite number, or there is no source.
    """

    value: float
    unit: Literal["pJ"]
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value >= 0):
            raise InvalidValueError(f"value is {self.value!r}: it must be a finite number of picojoules, at least 0.")
        if not self.source.strip():
            raise InvalidValueError("source is empty: say where the value comes from, a paper or a measurement.")


@dataclass(frozen=True)
class OperationPrices:
    """Prices of one operation of arithmetic.

    Attributes:
        multiply_accumulate: Multiplication and addition of real values.
        addition: Addition of real values, or of a weight where a unit spike lands.
        multiplication: Multiplication of real values.
        shifted_addition: Addition of a weight that is shifted by a power-of-two spike; None: an addition, as the field
            counts it, to which the shift is free.
        integer_multiply_accumulate: Multiplication of a weight by the level of a graded spike, and its addition, in
            integers; None: `multiply_accumulate`.
    """

    multiply_accumulate: Price
    addition: Price
    multiplication: Price
    shifted_addition: Price | None = None
    integer_multiply_accumulate: Price | None = None

    def of_spikes(self, count: SpikeCount) -> float:
        """Return what one synaptic operation costs in a count of spikes, in picojoules."""
        if count is SpikeCount.POWER_OF_TWO:
            return (self.shifted_addition or self.addition).value
        if count is SpikeCount.GRADED:
            return (self.integer_multiply_accumulate or self.multiply_accumulate).value
        return self.addition.value


@dataclass(frozen=True)
class MemoryPrices:
    """Prices of one word read or written."""

    weight_read: Price
    value_read: Price
    value_write: Price
    potential_read: Price
    potential_write: Price
    spike_read: Price
    spike_write: Price


@dataclass(frozen=True)
class EnergyModel:
    """The prices of the estimate.

    Attributes:
        name: Process and source in a few words, which stand in every note.
        operations: Prices of arithmetic.
        memory: Prices of memory accesses; None: they are not estimated.
    """

    name: str
    operations: OperationPrices
    memory: MemoryPrices | None = None

    @staticmethod
    def load(path: str | os.PathLike[str]) -> EnergyModel:
        """Read a TOML file of the form of the one shipped beside this module.

        Raises:
            FileError: The file is missing, cannot be read, or is no TOML.
            InvalidValueError: A key is unknown or missing, or a value is not a finite number of at least 0.
        """
        name = os.fspath(path)
        return fill(EnergyModel, parse(read_bytes(path), name), name)

    @staticmethod
    def default() -> EnergyModel:
        """Return the prices that come with the package."""
        return DEFAULT

    @property
    def note(self) -> str:
        """Describe the estimate, with all that it leaves out; printed beside every figure of it."""
        return self.note_in(SpikeCount.UNARY)

    def note_in(self, count: SpikeCount) -> str:
        """Describe the estimate where figures without another name are of this count of spikes."""
        prices = self.operations
        beside = "Neuron updates have a figure of their own"
        if self.memory is not None:
            costs = {getattr(self.memory, field.name).value for field in fields(self.memory)}
            spread = " to ".join(f"{cost:g}" for cost in sorted({min(costs), max(costs)}))
            beside = f"Neuron updates and memory ({spread} pJ an access) have figures of their own"
        unary, shifted, graded = (f"{prices.of_spikes(count):g} pJ" for count in SpikeCount)
        return (
            f"An operation-count estimate, not a measurement: {prices.multiply_accumulate.value:g} pJ a "
            f"multiply-accumulate, {unary} a synaptic operation or addition ({self.name}). Energy without another name "
            f"is {count.label}. Unary: a spike of level k is k additions. Power-of-two: {shifted} an addition "
            f"with a shift, for each power of two in a spike. Graded: {graded} a multiply-accumulate of integers, for "
            f"each spike. {beside}, which are not in it; activation functions and uncounted operators are in none."
        )


def _shipped() -> EnergyModel:
    file = files("snnconv.costs").joinpath("energy.toml")
    return fill(EnergyModel, parse(file.read_bytes(), "energy.toml"), "energy.toml")


DEFAULT = _shipped()
MAC_PJ = DEFAULT.operations.multiply_accumulate.value
AC_PJ = DEFAULT.operations.addition.value
ENERGY_NOTE = DEFAULT.note
