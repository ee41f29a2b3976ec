"""The schemes of data specs: what each states of itself, and the registry of them.

A scheme is a file of `schemes/`, or anything outside the package, that registers a class:

    @SCHEMES.register("stripes")
    class Stripes(DataScheme):
        form = "stripes:COUNT"
        help = "so many images of stripes"

        def read(self, where: str, purpose: Purpose) -> Source: ...

`--data stripes:100` then reads it. The files of `schemes/` import what they read with where they read, for the command
line lists the forms in its help.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from snnconv.registry import Registry

if TYPE_CHECKING:
    from snnconv.data.sources import Source
    from snnconv.inputspec import InputSpec

__all__ = ["SCHEMES", "DataScheme", "Purpose", "ordered_schemes", "recording_forms"]

Purpose = Literal["train", "eval", "calibration"]

OTHERS = 100


class DataScheme(ABC):
    """A kind of data that a spec names: `scheme:where`.

    Attributes:
        form: Form of a spec, such as `npz:FILE[,FILE...]`; without a colon, of data that need no place.
        help: Content of the data, in one phrase.
        recordings: True for recordings that change over time.
        named_arrays: True for arrays by their names, of which a spec chooses with `#KEY` and `#labels=KEY`.
        place: Place in lists; schemes of one place stand in the order of their registration.
    """

    form: ClassVar[str]
    help: ClassVar[str]
    recordings: ClassVar[bool] = False
    named_arrays: ClassVar[bool] = False
    place: ClassVar[int] = OTHERS

    @abstractmethod
    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data.

        Args:
            where: Text behind the colon, without a slice; empty where the form has no colon.
            purpose: Purpose of the images; data that are split give the part for it.

        Raises:
            FileError: A file is missing, damaged or of the wrong kind.
            DataError: The data break a rule of their format.
        """

    def read_for(self, where: str, purpose: Purpose, taken: InputSpec) -> Source:
        """Open the data for a network: a scheme whose data are more than images looks at what the network takes.

        Args:
            where: Text behind the colon, without a slice; empty where the form has no colon.
            purpose: Purpose of the data.
            taken: Input of the network.

        Returns:
            Images or recordings, which are fitted to the network; or a `SampleSource`, which is taken as it is.

        Raises:
            SnnconvError: As `read`, or the data do not fit the network.
        """
        return self.read(where, purpose)


SCHEMES: Registry[str, type[DataScheme]] = Registry("kind of data", package="snnconv.data.schemes")


def ordered_schemes() -> dict[str, type[DataScheme]]:
    """Return the schemes by name, in the order in which they are listed."""
    return {name: SCHEMES[name] for name in sorted(SCHEMES, key=lambda name: SCHEMES[name].place)}


def recording_forms() -> str:
    """Return the forms of the schemes of recordings, as `events:FILE or tonic:NAME:DIR`."""
    return " or ".join(scheme.form for scheme in ordered_schemes().values() if scheme.recordings)
