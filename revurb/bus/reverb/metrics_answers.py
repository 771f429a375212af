"""This node's answers to PHP nodes' questions: for its own clients only, since the asker adds up the answers of all
nodes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from revurb.bus.reverb import php
from revurb.bus.reverb.metrics_messages import MetricsQuestion
from revurb.bus.reverb.php_json import is_readable_by_php, quote
from revurb.pusher.ports import CachedEvent, ChannelState, Member

_EMPTY_ARRAY = b"[]"  # PHP's JSON for an empty array


class LocalQueries(Protocol):
    """This node's own state, without that of the others."""

    def channels_at_once(self, app_id: str, prefix: str) -> Mapping[str, ChannelState]: ...

    def describe(self, app_id: str, channels: Sequence[str]) -> Sequence[ChannelState]: ...

    def members(self, app_id: str, channel: str) -> Sequence[Member]: ...

    def connections(self, app_id: str) -> int: ...


class _Cached(msgspec.Struct):
    event: str
    data: str


_read_cached = msgspec.json.Decoder(_Cached).decode


class MetricsAnswers:
    """Makes the payload of an answer, for each of the four questions. There is one for any question: the asker waits 10
    s for each answer that does not come. Channels that are `hidden` are in no list."""

    def __init__(self, local: LocalQueries, hidden: Callable[[str], bool] = lambda channel: False) -> None:
        self._local = local
        self._hidden = hidden
        self._socket_prefix = random.randrange(1, 1_000_000_000)  # the first half of a socket id

    def answer(self, metric: MetricsQuestion) -> bytes:
        """The payload of the answer. Raises UnreadableByPhp."""
        options = metric.options
        match metric.kind:
            case "CONNECTIONS":
                return self._connections(metric.app_id)
            case "CHANNELS":
                return self._channels(metric.app_id, options)
            case "CHANNEL":
                return self._channel(metric.app_id, _text(options.get("channel")), _wanted(options))
            case "CHANNEL_USERS":
                return self._users(metric.app_id, _text(options.get("channel")))
        return _EMPTY_ARRAY

    def _connections(self, app_id: str) -> bytes:
        # PHP counts the keys over all answers: they must differ, and need not be those of clients.
        count = self._local.connections(app_id)
        return _object([b'"%d.%d":{}' % (self._socket_prefix, index) for index in range(1, count + 1)])

    def _channels(self, app_id: str, options: Mapping[str | int, php.PhpValue]) -> bytes:
        wanted, names_option = _wanted(options), options.get("channels")
        states: Mapping[str, ChannelState]
        if isinstance(names_option, Mapping):
            names = [name for name in names_option.values() if isinstance(name, str)]
            states = dict(zip(names, self._local.describe(app_id, names), strict=True))
        else:
            found = self._local.channels_at_once(app_id, _text(options.get("filter")))
            states = {name: state for name, state in found.items() if not self._hidden(name)}
        return _object(
            [quote(name).encode() + b":" + _info(name, state, wanted) for name, state in states.items()]
        )

    def _channel(self, app_id: str, name: str, wanted: frozenset[str]) -> bytes:
        return _info(name, self._local.describe(app_id, (name,))[0], wanted)

    def _users(self, app_id: str, name: str) -> bytes:
        return b"[%b]" % b",".join(
            b'{"id":%b}' % user_id_json(member) for member in self._local.members(app_id, name)
        )


def user_id_json(member: Member) -> bytes:
    """The user's id as the app wrote it, where PHP can read that; else as a string."""
    if member.id_json[:1] != b'"' and is_readable_by_php(member.id_json):
        return member.id_json
    return quote(member.user_id).encode()


def _info(name: str, state: ChannelState, wanted: frozenset[str]) -> bytes:
    """What PHP nodes report of a channel: user_count for presence channels, subscription_count for the others."""
    parts = []
    occupied = state.subscription_count > 0
    if "occupied" in wanted:
        parts.append(b'"occupied":%b' % (b"true" if occupied else b"false"))
    if occupied:
        if name.startswith("presence-"):
            if "user_count" in wanted:
                parts.append(b'"user_count":%d' % state.user_count)
        elif "subscription_count" in wanted:
            parts.append(b'"subscription_count":%d' % state.subscription_count)
        if "cache" in wanted and state.cached is not None:
            parts.append(b'"cache":%b' % _cached(name, state.cached))
    return _object(parts)


def _cached(name: str, cached: CachedEvent) -> bytes:
    event = _read_cached(cached.text)
    return f'{{"event":{quote(event.event)},"data":{quote(event.data)},"channel":{quote(name)}}}'.encode()


def _object(pairs: Sequence[bytes]) -> bytes:
    return b"{%b}" % b",".join(pairs) if pairs else _EMPTY_ARRAY


def _wanted(options: Mapping[str | int, php.PhpValue]) -> frozenset[str]:
    info = options.get("info")
    return frozenset(info.split(",")) if isinstance(info, str) else frozenset()


def _text(value: php.PhpValue) -> str:
    return value if isinstance(value, str) else ""
