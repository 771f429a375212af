"""The bus of a node that is alone: all subscribers are here, so an event is delivered at once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from revurb.bus.cache import MAX_BYTES_PER_APP, EventCache
from revurb.bus.engine import BusHealth
from revurb.bus.fact_making import FactMaker
from revurb.bus.history_store import HistoryStore, new_epoch
from revurb.bus.local_state import LocalChannel, LocalState
from revurb.bus.local_view import SLICE_CHANNELS, LocalView
from revurb.bus.member_events import MemberEvents
from revurb.bus.own_facts import OwnFacts
from revurb.pusher.facts import Fact, FactQueue, FactSender, WantedFacts
from revurb.pusher.history import HistoryBounds, HistoryPage, Position, with_position
from revurb.pusher.ports import (
    ChannelSnapshot,
    ChannelState,
    EnterRequest,
    MaybeAwaitable,
    PublishedEvent,
    Receiver,
)


class LocalBus(LocalView):
    """A `pusher.ports.Bus` that answers everything at once, but `channels` where there are many. Events of a
    channel are delivered in the order of the
    calls; when `publish` returns, they are."""

    degraded: str | None = None
    """A node that is alone is never cut off."""

    def __init__(
        self,
        receiver: Receiver,
        events: MemberEvents,
        clock: Callable[[], float] = time.monotonic,
        max_cached_bytes: int = MAX_BYTES_PER_APP,
    ) -> None:
        super().__init__(LocalState(), EventCache(clock, max_cached_bytes))
        self._receiver = receiver
        self._deliver = receiver.deliver
        self._events = events
        self._clock = clock
        self._facts: FactMaker | None = None
        self._queue: OwnFacts | None = None
        self._history = HistoryStore(new_epoch(), clock)

    def tell_facts(self, wanted: WantedFacts, sender: FactSender) -> FactQueue:
        self._queue = OwnFacts(sender)
        self._facts = FactMaker(wanted, self._events, self._queue.put, self._deliver, self._clock)
        return self._queue

    def record(self, fact: Fact) -> None:
        if self._queue is not None:
            self._queue.put(fact)

    async def start(self) -> None:
        """There is no broker to connect to, and nobody else to send facts."""
        if self._queue is not None:
            self._queue.start()

    async def stop(self) -> None:
        """Does nothing: there are no other nodes to tell."""

    def hold_receiving(self, is_held: bool) -> None:
        """Does nothing: nothing is received from elsewhere."""

    @property
    def health(self) -> BusHealth:
        """Never behind: nothing is received from elsewhere."""
        return BusHealth(
            topics=self._state.channels,
            cache_dropped=self._cache.dropped_total,
            members=self._state.members,
            history_bytes=self._history.size_bytes,
        )

    def tick(self) -> None:
        """Remove expired cached events, and tell counts that are due. To be called a few times a second."""
        self._cache.expire()
        self._history.expire()
        if self._facts is not None:
            self._facts.tick()

    def publish(self, event: PublishedEvent) -> None:
        if event.history is not None:
            event = self._keep(event, event.history)
        if event.cache_ttl_s:
            self._cache.put(event.app_id, event.channel, event.text, event.cache_ttl_s)
        self._deliver(event)

    def publish_kept(self, event: PublishedEvent) -> None:
        self.publish(event)

    def _keep(self, event: PublishedEvent, bounds: HistoryBounds) -> PublishedEvent:
        """The event with its position."""
        position = Position(self._history.epoch, self._history.newest + 1)
        placed = PublishedEvent(
            event.app_id,
            event.channel,
            with_position(event.text, position),
            event.except_socket_id,
            event.cache_ttl_s,
            number=position.number,
        )
        self._history.keep(placed, bounds)
        return placed

    def enter(self, request: EnterRequest, on_entered: Callable[[ChannelSnapshot], None]) -> None:
        if request.max_members and self._is_full(request):
            on_entered(_FULL)
            return
        local_channel = self._state.open(request.app_id, request.channel)
        local_channel.count += 1
        if self._facts is not None:
            self._enter_and_tell(self._facts, request, local_channel, on_entered)
            return
        if request.is_plain:
            on_entered(_EMPTY)
            return
        self._join(request, local_channel)
        on_entered(self._snapshot(request, local_channel))

    def enter_at_once(self, app_id: str, channel: str) -> bool:
        """What `enter` does for a subscriber that asks for nothing, of a channel that has some. False, and nothing is
        done, if there are none, or if facts have to be told."""
        channels = self._state.apps.get(app_id)  # as `find`, without the call
        if channels is None or channel not in channels or self._facts is not None:
            return False
        channels[channel].count += 1
        return True

    def _is_full(self, request: EnterRequest) -> bool:
        local_channel = self._state.find(request.app_id, request.channel)
        return local_channel is not None and local_channel.is_full_for(request.member, request.max_members)

    def _join(self, request: EnterRequest, local_channel: LocalChannel) -> bool:
        """Whether the subscriber is a user who was not there."""
        if request.member is None or not local_channel.join(request.member):
            return False
        self._deliver(PublishedEvent(request.app_id, request.channel, request.added))
        return True

    def _snapshot(self, request: EnterRequest, local_channel: LocalChannel) -> ChannelSnapshot:
        cached = self._cache.get(request.app_id, request.channel) if request.want_cached else None
        replay = None
        if request.want_position:
            replay = self._history.replay(request.app_id, request.channel, request.resume)
        return ChannelSnapshot(
            local_channel.member_list(), None if cached is None else cached.text, replay=replay
        )

    def _enter_and_tell(
        self,
        facts: FactMaker,
        request: EnterRequest,
        local_channel: LocalChannel,
        on_entered: Callable[[ChannelSnapshot], None],
    ) -> None:
        app_id, channel = request.app_id, request.channel
        count = local_channel.count
        facts.counted(app_id, channel, count)
        if count == 1:
            facts.occupied(app_id, channel)
        if self._join(request, local_channel) and request.member is not None:
            facts.added(app_id, channel, request.member.user_id)
        snapshot = self._snapshot(request, local_channel)
        if request.want_cached and snapshot.cached is None:
            facts.cache_missed(app_id, channel)
        on_entered(snapshot)
        facts.settle()

    def leave(self, app_id: str, channel: str, user_id: str | None) -> None:
        local_channel = self._state.apps[app_id][channel]
        local_channel.count -= 1
        gone = local_channel.leave(user_id) if user_id is not None else None
        if not local_channel.count:
            self._state.close(app_id, channel)
        elif gone is not None:
            self._deliver(PublishedEvent(app_id, channel, self._events.removed(channel, gone)))
        if self._facts is not None:
            if gone is not None:
                self._facts.removed(app_id, channel, gone.user_id)
            if not local_channel.count:
                self._facts.vacated(app_id, channel)
            self._facts.counted(app_id, channel, local_channel.count)
            self._facts.settle()

    def channels(self, app_id: str, prefix: str) -> MaybeAwaitable[dict[str, ChannelState]]:
        if len(self._state.apps.get(app_id, ())) <= SLICE_CHANNELS:
            return self.channels_at_once(app_id, prefix)
        return self.channels_in_slices(app_id, prefix)

    def release(self, app_id: str) -> None:
        self._state.disconnect(app_id)

    def terminate(self, app_id: str, user_id: str) -> None:
        self._receiver.terminate(app_id, user_id)

    def history(self, app_id: str, channel: str, after: Position | None, limit: int) -> HistoryPage:
        return self._history.page(app_id, channel, after, limit)

    def forget_history(self, app_id: str, channel: str) -> bool:
        self._history.forget(app_id, channel)
        return True

    def survey(self, question: bytes, deadline_s: float) -> MaybeAwaitable[list[bytes]]:
        answer = self._receiver.answer(question)
        return _later(answer) if isinstance(answer, Awaitable) else [answer]


async def _later(answer: Awaitable[bytes]) -> list[bytes]:
    return [await answer]


_EMPTY = ChannelSnapshot()
_FULL = ChannelSnapshot(is_full=True)
