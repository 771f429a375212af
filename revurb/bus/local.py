"""The bus of a single process: everyone who must hear an event is here, so it is delivered at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from revurb.bus.cache import EventCache
from revurb.bus.engine import Standing
from revurb.bus.local_state import Holdings
from revurb.bus.local_view import Alone
from revurb.bus.member_events import MemberEvents
from revurb.pusher.ports import Entered, Member, Receiver


class LocalBus(Alone):
    """A `pusher.ports.Bus` that answers everything at once. Events of a channel are delivered in the order of the
    calls; when `publish` returns, they are."""

    degraded: str | None = None  # why it does not do all that it should; never

    def __init__(
        self, receiver: Receiver, events: MemberEvents, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(Holdings(), EventCache(clock))
        self._receiver = receiver
        self._deliver = receiver.deliver
        self._events = events

    async def start(self) -> None:
        """Nothing has to be reached."""

    async def stop(self) -> None:
        """Nobody has to be told."""

    @property
    def standing(self) -> Standing:
        """There is nothing to keep up with."""
        return Standing(topics=sum(map(len, self._holdings.apps.values())))

    def tick(self) -> None:
        """To be called now and then: lets go of cached events that are too old."""
        self._cache.expire()

    def publish(
        self,
        app_id: str,
        channel: str,
        text: bytes,
        except_socket_id: str | None = None,
        cache_ttl_s: int = 0,
    ) -> None:
        if cache_ttl_s:
            self._cache.put(app_id, channel, text, cache_ttl_s)
        self._deliver(app_id, channel, text, except_socket_id)

    def enter(
        self,
        app_id: str,
        channel: str,
        member: Member | None,
        added: bytes,
        want_cached: bool,
        then: Callable[[Entered], None],
    ) -> None:
        held = self._holdings.open(app_id, channel)
        held.count += 1
        if member is None and not want_cached:
            then(_NOTHING_TO_KNOW)
            return
        if member is not None and held.join(member):
            self._deliver(app_id, channel, added, None)
        cached = self._cache.get(app_id, channel) if want_cached else None
        then(Entered(held.who(), None if cached is None else cached.text))

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        held = self._holdings.open(app_id, channel)
        held.count -= 1
        gone = held.leave(user_id) if user_id is not None else None
        if not held.count:
            self._holdings.close(app_id, channel)
        elif gone is not None:
            self._deliver(app_id, channel, self._events.removed(channel, gone), None)

    def release(self, app_id: str) -> None:
        self._holdings.disconnect(app_id)

    def terminate(self, app_id: str, user_id: str) -> None:
        self._receiver.terminate(app_id, user_id)

    def survey(self, question: bytes, deadline_s: float) -> list[bytes]:
        return [self._receiver.answer(question)]


_NOTHING_TO_KNOW = Entered()
