"""The surveys that are not answered yet."""

from __future__ import annotations

from revurb.bus.hub.peer import Peer

# Open at a time; beyond that the oldest is dropped. The worker that asked has a deadline of its own.
_MAX_SURVEYS = 1000


class OpenSurveys:
    """The broker's number of a survey -> who asked, and the asker's id for it."""

    __slots__ = ("_askers", "_number")

    def __init__(self) -> None:
        self._askers: dict[int, tuple[Peer, int]] = {}
        self._number = 0

    def open(self, asker: Peer, id: int) -> int:
        """Number a survey of `asker`."""
        self._number += 1
        if len(self._askers) >= _MAX_SURVEYS:
            del self._askers[next(iter(self._askers))]
        self._askers[self._number] = (asker, id)
        return self._number

    def asker(self, number: int) -> tuple[Peer, int] | None:
        """Who asked, and the asker's id; None if the survey is not open."""
        return self._askers.get(number)

    def close_all_of(self, asker: Peer) -> None:
        """The asker's connection has ended."""
        for number, (each, _) in tuple(self._askers.items()):
            if each is asker:
                del self._askers[number]
