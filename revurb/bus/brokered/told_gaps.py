"""Tells this node's subscribers of channels with history that they may have missed events: the broker cannot send again
what came while this node was cut off. They are as those who resume and do not get everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from revurb.bus.brokered.sliced_steps import SlicedSteps
from revurb.bus.ledger import ChannelKey
from revurb.pusher.history import EXPIRED, gap_text
from revurb.pusher.ports import PublishedEvent

MAX_NOTED = 10_000  # channels, before those without subscribers are looked for


class ToldGaps:
    """`has_subscribers` is whether this node has some of a channel; `deliver` gives them an event."""

    def __init__(
        self, has_subscribers: Callable[[str, str], bool], deliver: Callable[[PublishedEvent], object]
    ) -> None:
        self._has_subscribers = has_subscribers
        self._deliver = deliver
        self._channels: dict[ChannelKey, None] = {}
        self._most = MAX_NOTED
        self._steps = SlicedSteps()

    def note(self, app_id: str, channel: str) -> None:
        """The channel has history, and a subscriber here."""
        self._channels[app_id, channel] = None
        if len(self._channels) > self._most:
            self._channels = {key: None for key in self._channels if self._has_subscribers(*key)}
            self._most = max(MAX_NOTED, 2 * len(self._channels))

    def repeated(self, app_id: str, channel: str) -> None:
        """The broker has lost an event that subscribers here have got, and has given it another position. Those who
        came since do not have it, and do not get it."""
        if (app_id, channel) in self._channels and self._has_subscribers(app_id, channel):
            self._deliver(PublishedEvent(app_id, channel, gap_text(channel, EXPIRED)))

    def tell(self) -> None:
        """Events may be missing in any of the channels."""
        if self._channels:
            self._steps.cancel()
            self._steps.begin(self._tell_all())

    def _tell_all(self) -> Iterator[None]:
        for app_id, channel in tuple(self._channels):
            if self._has_subscribers(app_id, channel):
                self._deliver(PublishedEvent(app_id, channel, gap_text(channel, EXPIRED)))
            else:
                self._channels.pop((app_id, channel), None)
            yield
