"""The scheme `events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.data.scheme import SCHEMES, DataScheme, Purpose

if TYPE_CHECKING:
    from snnconv.data.sources import Source

__all__ = ["Events"]


@SCHEMES.register("events")
class Events(DataScheme):
    """Recordings of an event camera."""

    form = "events:FILE"
    help = "recordings of an event camera in an `.npz` file"
    recordings = True
    place = 6

    def read(self, where: str, purpose: Purpose) -> Source:
        """Open the data."""
        from snnconv.data.events import read_events

        return read_events(where, purpose)
