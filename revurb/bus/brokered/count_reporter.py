"""Reports this node's numbers of subscribers and connections to the broker: the first change at once, later ones
together, at most 20 times a second, since over Redis each report takes 0.3 ms of CPU. Of those, a count that changes
often is told to Redis once a second (`HeldCounts`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.held_counts import HeldCounts
from revurb.bus.ledger import ChannelKey
from revurb.bus.local_state import LocalState

REPORT_EVERY_S = 0.05  # the shortest time between two reports
REPORTS_PER_TURN = 500  # of channels: 2 ms


class CountReporter:
    """Sends the counts of `state` that have changed. `send` gives a message to the broker, or drops it while the broker
    cannot be reached. `holds` is whether counts that change often are held."""

    def __init__(
        self, state: LocalState, send: Callable[[m.FromWorker], None], *, holds: bool = False
    ) -> None:
        self._state = state
        self._send = send
        self._held = HeldCounts(self._count_of, send) if holds else None
        self._loop = asyncio.get_running_loop()
        self._channels: dict[ChannelKey, None] = {}  # changed since the last report
        self._connections: dict[str, int] = {}  # by how much, since then
        self._timer: asyncio.TimerHandle | None = None
        self._reported_at = 0.0
        self._is_reporting = False  # the rest of what has changed is sent in the next turn
        self._questions: list[Callable[[], None]] = []  # that wait until everything is sent

    def channel_changed(self, key: ChannelKey) -> None:
        """The channel's number of subscribers has changed."""
        if self._held is not None and self._held.keep(key):
            return
        self._channels[key] = None
        self._report_soon()

    def connections_changed(self, app_id: str, change: int) -> None:
        """The app has `change` more connections, or fewer if that is negative."""
        if self._held is not None and self._held.keep((app_id, "")):
            return
        self._connections[app_id] = self._connections.get(app_id, 0) + change
        self._report_soon()

    def report(self) -> None:
        """Send the changed counts now: REPORTS_PER_TURN of them, and the rest in the next turns of the loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_reporting:
            self._report_part()

    def report_before(self, question: m.FromWorker, ask: Callable[[], None]) -> None:
        """Send the changed counts, and then call `ask`, for a question whose answer is to include them."""
        if self._held is not None:
            for app_id, channel in _asked_for(self._held, question):
                if channel:
                    self._channels[app_id, channel] = None
                else:
                    self._connections.setdefault(app_id, 0)
        self._questions.append(ask)
        self.report()

    def answer(self, wanted: m.CountWanted) -> None:
        """Somebody wants a count that this node holds."""
        if self._held is not None:
            self._held.answer(wanted.app_id, wanted.channel, wanted.round)

    def clear(self) -> None:
        """Forget the changes, and what waits for them: everything is about to be reported and asked anew."""
        self._channels.clear()
        self._connections.clear()
        self._questions.clear()
        if self._held is not None:
            self._held.clear()

    def _report_part(self) -> None:
        self._is_reporting = False
        if self._channels or self._connections:
            self._reported_at = self._loop.time()
        for _ in range(min(len(self._channels), REPORTS_PER_TURN)):
            key, _ = self._channels.popitem()
            count = self._count_of(key)
            self._send(m.SubscriberCount(*key, count))
            if self._held is not None:
                self._held.told(key, count)
        if self._channels:
            self._is_reporting = True
            self._loop.call_soon(self._report_part)
            return
        for app_id, change in self._connections.items():
            count = self._state.connections.get(app_id, 0)
            self._send(m.ConnectionCount(app_id, change, count))
            if self._held is not None:
                self._held.told((app_id, ""), count)
        self._connections.clear()
        questions, self._questions = self._questions, []
        for question in questions:
            question()

    def _count_of(self, key: ChannelKey) -> int:
        app_id, channel = key
        if not channel:
            return self._state.connections.get(app_id, 0)
        local_channel = self._state.find(app_id, channel)
        return 0 if local_channel is None else local_channel.count

    def _report_soon(self) -> None:
        if self._timer is None and not self._is_reporting:
            self._timer = self._loop.call_at(self._reported_at + REPORT_EVERY_S, self.report)


def _asked_for(held: HeldCounts, question: m.FromWorker) -> list[ChannelKey]:
    """The counts that the answer is to include and that have changed since they were told."""
    match question:
        case m.QueryChannels(_, app_id):
            return held.untold(app_id)
        case m.QueryStates(_, app_id, channels):
            return [key for channel in channels if held.is_untold(key := (app_id, channel))]
        case m.QueryConnections(_, app_id):
            return [key] if held.is_untold(key := (app_id, "")) else []
    return []
