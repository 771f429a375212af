"""What the relay appends to the log of the host: what Redis publishes, and from where on a worker gets that.

A message is for those that have added the topic of its channel. It is told to a worker at which place in the log a
subscription of its begins: messages behind that are for it, those before are not.
"""

from __future__ import annotations

import asyncio
import os
from typing import NamedTuple, TypeAlias

import msgspec

from revurb._speedups.shared_log import SharedLog, topic_bucket
from revurb.bus.hub.event_log import EVERYONE, LogDescriptors

_BEGINNING, _MESSAGE, _SUBSCRIBED = b"b", b"m", b"s"
MAX_CHANNEL_BYTES = 65_535  # of its name
_CHANNEL_AT = 3  # behind the kind and the length of the name


class SessionBeginning(NamedTuple):
    """A session of a relay with Redis begins here. Between this and the one before, messages were missed: what follows
    is for nobody who has joined the one before."""


class RelayedMessage(NamedTuple):
    """Something was published on a channel of Redis."""

    channel: bytes
    data: bytes


class SubscribedAt(msgspec.Struct, array_like=True, frozen=True):
    """The subscriptions of a connection to these channels begin here. `connection` is its number: a token names a
    worker, whose connections follow one another."""

    connection: int
    channels: list[bytes]


def channel_bucket(channel: bytes) -> int:
    """The number by which the log knows a channel of Redis."""
    return topic_bucket("", channel.decode(errors="replace"))


RelayRecord: TypeAlias = RelayedMessage | SubscribedAt | SessionBeginning


def read_record(record: bytes) -> RelayRecord:
    """Raises ValueError, which is what msgspec's errors are, for anything else."""
    kind = record[:1]
    if kind == _MESSAGE:
        end = _CHANNEL_AT + int.from_bytes(record[1:_CHANNEL_AT], "little")
        return RelayedMessage(record[_CHANNEL_AT:end], record[end:])
    if kind == _SUBSCRIBED:
        return _read_subscribed(memoryview(record)[1:])
    if kind == _BEGINNING:
        return SessionBeginning()
    raise ValueError("not a record of a relay")


_read_subscribed = msgspec.msgpack.Decoder(SubscribedAt).decode
_encode = msgspec.msgpack.Encoder().encode


class RelayRecords:
    """The relay's side of the log of its host, until `close`. Whoever wants what is appended is woken at the end of the
    turn of the event loop."""

    def __init__(self, descriptors: LogDescriptors) -> None:
        self._log: SharedLog = descriptors.open()
        self._log.attach(os.getpid(), wake=False)  # it reads nothing
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._is_waking = False
        # (token, connection) -> channels whose subscriptions begin behind what is appended so far.
        self._subscribed: dict[tuple[int, int], list[bytes]] = {}

    def close(self) -> None:
        """Append nothing any more."""
        if self._is_open:
            self._is_open = False
            self._log.detach()

    @property
    def tail(self) -> int:
        """The place of what was appended last."""
        return self._log.tail

    def session_begins(self) -> None:
        """What is appended from now on is of another session with Redis."""
        if self._is_open:
            self._subscribed.clear()  # of the one before
            self._log.append(_BEGINNING, 0, EVERYONE)
            self._wake_soon()

    def append(self, channel: bytes, data: bytes) -> None:
        """Append a message. Raises ValueError if it is too large."""
        if not self._is_open:
            return
        if self._subscribed:
            self._append_subscribed()
        log = self._log
        log.append(
            b"".join((_MESSAGE, len(channel).to_bytes(2, "little"), channel, data)), channel_bucket(channel)
        )
        if log.has_to_wake:
            self._wake_soon()

    def subscribed(self, token: int, connection: int, channel: bytes) -> None:
        """The subscription of a worker begins here."""
        self._subscribed.setdefault((token, connection), []).append(channel)
        self._wake_soon()

    def _append_subscribed(self) -> None:
        subscribed, self._subscribed = self._subscribed, {}
        for (token, connection), channels in subscribed.items():
            record = _SUBSCRIBED + _encode(SubscribedAt(connection, channels))
            self._log.append(record, 0, 0, token)

    def _wake_soon(self) -> None:
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._is_waking = False
        if self._is_open:
            self._append_subscribed()
            self._log.wake()
