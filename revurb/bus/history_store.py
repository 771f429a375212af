"""The events of channels with history, in the memory of a process: of a node that is alone, or of the hub.

Numbers are the store's: each event has a larger one than every event before it, whatever its channel. So a position
also says something of channels of which nothing is kept: that nothing has happened there since.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from revurb.bus.ledger import ChannelKey
from revurb.pusher import history
from revurb.pusher.history import MAX_PAGE_BYTES, HistoryPage, Position, Replay, Resume
from revurb.pusher.ports import PublishedEvent

ENTRY_BYTES = 200  # of an event beside its text
CHANNEL_BYTES = 600  # of a channel beside its name
MAX_ENDED = 100_000  # channels of which nothing is kept but the number of their last event
MAX_ENDED_BYTES = 16 * 1024 * 1024  # of their names
SWEPT_CHANNELS = 500  # by one call of `expire`: 0.3 ms


_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_epoch() -> str:
    """Such as nobody has had before: 62 bits."""
    number = int.from_bytes(os.urandom(16))  # so many that no letter is likelier than another
    return "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(12))


class _KeptEvent(NamedTuple):
    number: int
    text: bytes
    except_socket_id: str | None
    expires_at: float


class _ChannelLog:
    """All events of a channel after the one with the number `dropped`."""

    __slots__ = ("dropped", "events", "last", "size_bytes")

    def __init__(self, dropped: int) -> None:
        self.dropped = self.last = dropped
        self.events: deque[_KeptEvent] = deque()
        self.size_bytes = 0

    def drop_oldest(self) -> int:
        """Returns the bytes that it took."""
        oldest = self.events.popleft()
        self.dropped = oldest.number
        size_bytes = len(oldest.text) + ENTRY_BYTES
        self.size_bytes -= size_bytes
        return size_bytes

    def since(self, number: int) -> list[_KeptEvent]:
        """The events after a number that is not below `dropped`."""
        found = []
        for event in reversed(self.events):
            if event.number <= number:
                break
            found.append(event)
        found.reverse()
        return found

    def missed(self, number: int, resume: Resume) -> list[bytes] | None:
        """The texts of those that a subscriber has missed; None, without looking at all of them, if these are more than
        may be repeated, or twice as many with those that it was excluded from."""
        found, left_bytes = [], resume.max_bytes
        for looked_at, event in enumerate(reversed(self.events)):
            if event.number <= number:
                break
            if looked_at >= 2 * resume.max_events:
                return None
            if event.except_socket_id != resume.socket_id:
                found.append(event.text)
                left_bytes -= len(event.text)
                if left_bytes < 0 or len(found) > resume.max_events:
                    return None
        found.reverse()
        return found


# Where the first is taken again and again, it is an OrderedDict: a dict looks at the places of all that were there.
class _AppLogs:
    """The logs of one app, that of the newest event last, and the bytes that they take."""

    __slots__ = ("channels", "size_bytes")

    def __init__(self) -> None:
        self.channels: OrderedDict[str, _ChannelLog] = OrderedDict()
        self.size_bytes = 0


class HistoryStore:
    """`epoch` is that of its positions, and `newest` the largest number that was given to an event, of a channel with
    history or without: the store knows all events after the number that it begins with. `clock` gives monotonic
    seconds."""

    def __init__(self, epoch: str, clock: Callable[[], float], newest: int = 0) -> None:
        self.epoch = epoch
        self.newest = newest
        self._clock = clock
        self._apps: dict[str, _AppLogs] = {}
        # Channels of which nothing is kept -> the number of their last event. Of those that are in neither, nothing has
        # happened after `_floor`.
        self._ended: OrderedDict[ChannelKey, int] = OrderedDict()
        self._ended_bytes = 0
        self._floor = newest
        self._sweep: Iterator[ChannelKey] = iter(())

    @property
    def size_bytes(self) -> int:
        """What is kept takes about so many bytes."""
        return sum(app.size_bytes for app in self._apps.values())

    @property
    def position(self) -> Position:
        """That of whoever has everything."""
        return Position(self.epoch, self.newest)

    def keep(self, event: PublishedEvent, bounds: tuple[int, int, int]) -> None:
        """Keep an event that has its position, within these `HistoryBounds`. Its number is the largest."""
        app_id, channel, number, text = event.app_id, event.channel, event.number, event.text
        size, ttl_s, app_bytes = bounds
        app = self._apps.get(app_id)
        if app is None:
            app = self._apps[app_id] = _AppLogs()
        log = app.channels.pop(channel, None)
        if log is None:
            log = _ChannelLog(self._begin(app_id, channel))
            app.size_bytes += CHANNEL_BYTES + len(channel)
        app.channels[channel] = log
        self.newest = log.last = number
        log.events.append(_KeptEvent(number, text, event.except_socket_id, self._clock() + ttl_s))
        size_bytes = len(text) + ENTRY_BYTES
        log.size_bytes += size_bytes
        app.size_bytes += size_bytes
        while len(log.events) > size:
            app.size_bytes -= log.drop_oldest()
        while app.size_bytes > app_bytes and app.channels:
            self._drop_oldest(app_id, app)

    def _drop_oldest(self, app_id: str, app: _AppLogs) -> None:
        """Of the channel that was silent for longest."""
        channel, log = next(iter(app.channels.items()))
        if log.events:
            app.size_bytes -= log.drop_oldest()
        if not log.events:
            self._end(app_id, app, channel)

    def replay(self, app_id: str, channel: str, resume: Resume | None) -> Replay:
        """What a subscriber has missed; without `resume` nothing."""
        if resume is None:
            return Replay(self.position)
        failure = self._failure(app_id, channel, resume.position)
        log = None if failure or resume.position is None else self._find(app_id, channel)
        if log is None or resume.position is None:
            return Replay(self.position, (), failure)
        missed = log.missed(resume.position.number, resume)
        return Replay(self.position, missed or (), history.LIMIT if missed is None else "")

    def page(self, app_id: str, channel: str, after: Position | None, limit: int) -> HistoryPage:
        """As `Bus.history`. Of events with more than MAX_PAGE_BYTES there are fewer."""
        failure = ""
        if after is None:
            self._prune(app_id, channel)
        else:
            failure = self._failure(app_id, channel, after)
        log = self._find(app_id, channel)
        if log is None:
            return HistoryPage(self.position, [], failure)
        events: Iterable[_KeptEvent] = log.events
        if after is None:
            events = islice(log.events, max(0, len(log.events) - limit), None)
        elif not failure:
            events = log.since(after.number)
        texts: list[bytes] = []
        left_bytes, has_more = MAX_PAGE_BYTES, False
        for event in events:
            left_bytes -= len(event.text)
            if len(texts) == limit or (left_bytes < 0 and texts):
                has_more = True
                break
            texts.append(event.text)
        return HistoryPage(self.position, texts, failure, has_more)

    def forget(self, app_id: str, channel: str) -> None:
        """Keep none of the channel's events any more that there are now."""
        app = self._apps.get(app_id)
        if app is not None and channel in app.channels:
            self._end(app_id, app, channel)

    def lose(self, newest: int) -> None:
        """Events up to that number may be missing: nobody gets what came before."""
        self._apps.clear()
        self._ended.clear()
        self._ended_bytes = 0
        self.newest = self._floor = newest

    def expire(self) -> None:
        """Drop events that were kept for long enough, of some channels. To be called a few times a second."""
        some = tuple(islice(self._sweep, SWEPT_CHANNELS))
        for key in some:
            self._prune(*key)
        if not some and self._apps:
            self._sweep = iter(
                [(app_id, channel) for app_id, app in self._apps.items() for channel in app.channels]
            )

    def _find(self, app_id: str, channel: str) -> _ChannelLog | None:
        app = self._apps.get(app_id)
        return None if app is None else app.channels.get(channel)

    def _failure(self, app_id: str, channel: str, position: Position | None) -> str:
        """Why not all events since the position are there; "" if they are."""
        if position is None:
            return history.INVALID
        if position.epoch != self.epoch:
            return history.EPOCH
        if position.number > self.newest:
            return history.INVALID
        self._prune(app_id, channel)
        log = self._find(app_id, channel)
        dropped = self._ended.get((app_id, channel), self._floor) if log is None else log.dropped
        return history.EXPIRED if position.number < dropped else ""

    def _prune(self, app_id: str, channel: str) -> None:
        app, now = self._apps.get(app_id), self._clock()
        log = None if app is None else app.channels.get(channel)
        if app is None or log is None:
            return
        while log.events and log.events[0].expires_at <= now:
            app.size_bytes -= log.drop_oldest()
        if not log.events:
            self._end(app_id, app, channel)

    def _end(self, app_id: str, app: _AppLogs, channel: str) -> None:
        log = app.channels.pop(channel)
        app.size_bytes -= log.size_bytes + CHANNEL_BYTES + len(channel)
        if not app.channels:
            del self._apps[app_id]
        self._ended[app_id, channel] = log.last
        self._ended_bytes += len(channel)
        while len(self._ended) > MAX_ENDED or self._ended_bytes > MAX_ENDED_BYTES:
            (_, oldest), last = self._ended.popitem(last=False)
            self._ended_bytes -= len(oldest)
            self._floor = max(self._floor, last)

    def _begin(self, app_id: str, channel: str) -> int:
        """A channel has events again, which all come after the number that is returned."""
        last = self._ended.pop((app_id, channel), None)
        if last is None:
            return self._floor
        self._ended_bytes -= len(channel)
        return last
