"""Delivers what the bus brings to this process's subscribers. Their one WebSocket frame is built here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from revurb._speedups.fanout import deliver
from revurb._speedups.frames import TEXT, server_frame
from revurb.pusher.errors import TerminatedByApp
from revurb.pusher.ports import DeliverableEvent, MaybeAwaitable
from revurb.pusher.registry import AT_ONCE, RegisteredSession, Registry

FEW_SESSIONS = 50  # of a user; to end one takes 12 us


class Dispatch:
    """The Receiver that a node gives to its bus. `status` answers surveys."""

    __slots__ = ("_counters", "_states", "_status")

    def __init__(
        self, registry: Registry, status: Callable[[bytes], MaybeAwaitable[bytes]] = lambda question: b""
    ) -> None:
        self._states = registry.states
        self._counters = registry.counters
        self._status = status

    def deliver(self, event: DeliverableEvent) -> int:
        """Send an event to this process's subscribers of its channel; returns to how many it went."""
        state = self._states.get(event.app_id)
        if state is None:
            self._counters.events_unheard_total += 1
            return 0
        channel = state.channels.get(event.channel)
        if channel is None:
            self._counters.events_unheard_total += 1
            return 0
        except_socket_id = event.except_socket_id
        skip = state.sessions.get(except_socket_id) if except_socket_id else None
        frame = server_frame(TEXT, event.text)
        count = deliver(channel.subscribers, frame, skip.outlet if skip else None)
        state.counts.fanouts.add(count, count * len(frame))
        return count

    def terminate(self, app_id: str, user_id: str) -> int:
        """End every connection that has signed in as this user, or is it on some presence channel: error 4009, then
        close 4009, which Pusher clients take as "do not come back"; in steps where they are many. Returns how many
        there were."""
        state = self._states.get(app_id)
        sessions = state.sessions_of(user_id) if state is not None else ()
        if state is not None and len(sessions) > FEW_SESSIONS:
            state.work(_end_each(sessions))
        else:
            AT_ONCE(_end_each(sessions))
        return len(sessions)

    def answer(self, question: bytes) -> MaybeAwaitable[bytes]:
        return self._status(question)


def _end_each(sessions: Iterable[RegisteredSession]) -> Iterator[None]:
    for session in sessions:
        session.end(TerminatedByApp())
        yield
