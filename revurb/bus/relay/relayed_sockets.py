"""The two connections to Redis that a worker seems to have: for commands, and for subscriptions. Both are the one
connection to the relay, and the log of the host.

What the relay says of commands comes on the connection to it; what Redis publishes comes through the log, and with it
at which place a subscription begins.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from hiredis import Reader

from revurb.bus.redis.redis_socket import NOTHING, SocketOwner
from revurb.bus.relay import relay_messages as r
from revurb.bus.relay.relay_reader import RelayReader
from revurb.bus.relay.relay_records import RelayedMessage, RelayRecord, SubscribedAt

_log = logging.getLogger(__name__)

CHANNELS_PER_TURN = 5_000  # that are left at the end: 2 ms
_AGAIN_S = 0.005  # between two looks whether everything is read that came before the end
_ids = itertools.count(1)  # of commands; a late reply is not taken for that of others

Send = Callable[[r.FromWorkerToRelay], None]


class _RelayedSocket:
    """What both have in common; a `revurb.bus.redis.shared_redis.ServerSocket`."""

    is_of_master = False  # the relay looks after that

    def __init__(self, joined: r.RelayJoined, owner: SocketOwner, send: Send) -> None:
        self.timeout_s = joined.timeout_s
        self.is_lost = self.is_paused = False
        self._owner = owner
        self._send = send
        self._loop = asyncio.get_running_loop()

    def when_writable(self, then: Callable[[], None]) -> None:
        """In a later turn of the event loop, in any case: what waits for the relay is little."""
        self._loop.call_soon(then)

    def break_off(self, error: Exception) -> None:
        """The connection is of no use any more."""
        if not self.is_lost:
            self.is_lost = True
            self._owner.on_lost(error)

    def _pass_on(self, replies: Callable[[], Any]) -> None:
        try:
            self._owner.on_replies(replies)
        except Exception as error:  # whatever it is, the owner may not believe that replies still come
            _log.exception("replies of redis not understood")
            self.break_off(error)


class CommandSocket(_RelayedSocket):
    """For commands, of which one write is in flight at a time."""

    def __init__(self, joined: r.RelayJoined, owner: SocketOwner, send: Send) -> None:
        super().__init__(joined, owner, send)
        self._id = 0  # of what is in flight
        self._replies: Iterator[Any] = iter(())

    def write(self, data: bytes, commands: int = 1) -> None:
        """Send commands. Without effect if the connection is lost."""
        if not self.is_lost:
            self._id = next(_ids)
            self._send(r.RelayCommands(self._id, data, commands))

    def receive(self, id: int, replies: list[Any]) -> None:
        """The replies to the commands `id` have come."""
        if id == self._id and not self.is_lost:
            self._replies = iter(replies)
            self._pass_on(self._next)

    def fail(self, id: int, error: Exception) -> None:
        """The commands `id` have failed, and so has the connection."""
        if id == self._id:
            self.break_off(error)

    def pause(self) -> None:
        """Commands are few: nothing is paused."""

    def read_on(self) -> None:
        """Nothing was paused."""

    async def close(self) -> None:
        """Take no reply any more."""
        self.is_lost = True

    def _next(self) -> Any:
        return next(self._replies, NOTHING)


class MessageSocket(_RelayedSocket):
    """For subscriptions. `connection` is the number by which the relay knows the worker's connection to it."""

    def __init__(
        self, joined: r.RelayJoined, owner: SocketOwner, send: Send, reader: RelayReader, connection: int
    ) -> None:
        super().__init__(joined, owner, send)
        self._reader = reader
        self._connection = connection
        self._commands = Reader()
        self._channels: dict[bytes, bool] = {}  # those wanted, and whether the subscription has begun
        self._replies: deque[list[Any]] = deque()
        self._reads_on = False
        self._end: Exception | None = None  # comes behind what is not read yet
        self._is_read = False  # all that is for this connection
        self._is_closed = False
        reader.begin(self._on_records, self._on_missed)

    def write(self, data: bytes, commands: int = 1) -> None:
        """Send commands that subscribe or unsubscribe. Without effect if the connection is lost."""
        if self.is_lost:
            return
        self._commands.feed(data)
        while command := self._commands.gets():
            name, *channels = command
            if name == b"SUBSCRIBE":
                for channel in channels:
                    if channel not in self._channels:
                        self._channels[channel] = False
                        self._reader.add_channel(channel)
                self._send(r.RelaySubscribe(channels))
            else:
                for channel in channels:
                    if self._channels.pop(channel, None) is not None:
                        self._reader.remove_channel(channel)
                self._send(r.RelayUnsubscribe(channels))

    def pause(self) -> None:
        """Read nothing until `read_on`."""
        self.is_paused = True
        self._reader.hold()

    def read_on(self) -> None:
        """In the next turn of the event loop, have the owner read on, and then the log."""
        if not self._reads_on:
            self._reads_on = True
            self._loop.call_soon(self._read_on)

    def end_behind_messages(self, error: Exception) -> None:
        """The connection is lost, but for what was published before and is in the log."""
        if self._end is None:
            self._end = error
            self._end_if_read()

    async def close(self) -> None:
        """Take nothing any more, and want nothing."""
        if self._is_closed:
            return
        self._is_closed = self.is_lost = True
        self._replies.clear()
        self._reader.end()
        for number, channel in enumerate(self._channels, 1):
            self._reader.remove_channel(channel)
            if not number % CHANNELS_PER_TURN:
                await asyncio.sleep(0)
        self._channels.clear()

    def _on_records(self, records: list[RelayRecord]) -> None:
        channels, replies = self._channels, self._replies
        for record in records:
            if isinstance(record, RelayedMessage):
                if channels.get(record.channel):  # another one may have the same bucket
                    replies.append([b"message", *record])
            elif not isinstance(record, SubscribedAt):
                self._on_next_session()
                break
            elif record.connection == self._connection:
                for channel in record.channels:
                    if channel in channels:
                        channels[channel] = True
                    replies.append([b"subscribe", channel, 1])
        if not self.is_paused and not self.is_lost:
            self._pass_on(self._next)

    def _on_next_session(self) -> None:
        """What is behind this is for those who have joined another session, and nothing more is for this connection."""
        self._reader.end()
        self._is_read = True
        self.end_behind_messages(ConnectionError("the relay of this host has connected anew"))

    def _on_missed(self, missed: int) -> None:
        _log.warning("too slow for the log of the host, reading redis' own", extra={"at_most": missed})
        self.break_off(ConnectionError(f"up to {missed} messages were overwritten before they were read"))

    def _read_on(self) -> None:
        self._reads_on = self.is_paused = False
        if self.is_lost:
            return
        self._pass_on(self._next)
        if not self.is_paused and not self.is_lost:
            self._reader.read_on()

    def _end_if_read(self) -> None:
        if self.is_lost or self._end is None:
            return
        self._reader.look()
        is_read = self._is_read or not (self.is_paused or self._reader.has_unread)
        if self._replies or not is_read:
            self._loop.call_later(_AGAIN_S, self._end_if_read)
        else:
            self.break_off(self._end)

    def _next(self) -> Any:
        return self._replies.popleft() if self._replies else NOTHING
