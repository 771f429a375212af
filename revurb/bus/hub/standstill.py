"""What a worker cannot know that stood still for longer than the hub waits for it.

The hub takes such a worker for dead, and lets the publishers go that kept events for it. As long as that hub lives, its
log has them. One that replaces it has not, and counts from 1 again: nobody knows whether there were any.
"""

from __future__ import annotations

import logging

import msgspec

from revurb.bus.brokered import broker_messages as m

_log = logging.getLogger(__name__)

HUB_WAITS_S = 5.0  # a lease


class Standstill:
    """The time between the ticks of a worker, and the hubs that it was welcomed by."""

    def __init__(self) -> None:
        self._ticked_at: float | None = None
        self._longest_s = 0.0  # since the last Welcome
        self._epoch = ""

    def tick(self, now: float) -> None:
        """To be called a few times a second, with the loop's time."""
        if self._ticked_at is not None:
            self._longest_s = max(self._longest_s, now - self._ticked_at)
        self._ticked_at = now

    def welcomed(self, welcome: m.Welcome) -> m.Welcome:
        """The hub's welcome. Where it is another hub than before, and events may have been lost, that is `missed`."""
        longest_s, self._longest_s = self._longest_s, 0.0
        is_another, self._epoch = self._epoch not in ("", welcome.epoch), welcome.epoch
        if not is_another or longest_s <= HUB_WAITS_S or welcome.missed:
            return welcome
        _log.warning(
            "this worker stood still, and the hub was replaced meanwhile: events of that time may be lost",
            extra={"stood_still_s": round(longest_s, 1)},
        )
        return msgspec.structs.replace(welcome, missed=1)
