"""The messages between a worker and the relay of its host, on the stream that `revurb.bus.hub.framing` cuts.

Wire format: MessagePack arrays whose first element is the type's tag. A reply of Redis is what hiredis makes of it; an
error is an extension with the name of its class, its text and its code.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec
import redis.exceptions
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from revurb.bus.hub.framing import framed

_ERROR = 1  # code of the extension


_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]


class RelayMessage(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A message in either direction."""


# From a worker.


class RelayJoin(RelayMessage, frozen=True, tag=1):
    """The first message on a connection. `token` is the worker's in the log of the host, and `connection` the number of
    this connection among those that it has had."""

    token: _Number
    connection: _Number


class RelayCommands(RelayMessage, frozen=True, tag=2):
    """So many commands, packed. Answered with `RelayReplies` or `RelayFailure` with the same `id`; one at a time."""

    id: int
    packed: bytes
    count: int


class RelaySubscribe(RelayMessage, frozen=True, tag=3):
    """Each channel is answered in the log, at the place from which on nothing that is published there is missed."""

    channels: list[bytes]


class RelayUnsubscribe(RelayMessage, frozen=True, tag=4):
    """Not answered."""

    channels: list[bytes]


class RelayDistrust(RelayMessage, frozen=True, tag=5):
    """The connections to Redis are of no use, as the worker has found out."""

    reason: str


class RelayAnswer(RelayMessage, frozen=True, tag=6):
    """One of the answers of this host to a question on a channel of Redis, whose `key` they have in common: see
    `revurb.bus.relay.host_answers`."""

    channel: str
    key: str
    before: bytes
    payload: bytes
    after: bytes


# From the relay.


class RelayJoined(RelayMessage, frozen=True, tag=1):
    """Redis is connected. `server` is its address. `timeout_s` is how long a reply may take. Of a Cluster, `slots` are
    the first slots of its ranges, in order, and `servers` the addresses of the servers that have them."""

    server: str
    timeout_s: float | None
    is_cluster: bool
    slots: list[int]
    servers: list[str]


class RelayReplies(RelayMessage, frozen=True, tag=2):
    """The replies to the commands `id`, in order."""

    id: int
    replies: list[Any]


class RelayFailure(RelayMessage, frozen=True, tag=3):
    """Why there are no replies to the commands `id`."""

    id: int
    error: Any


class RelayLost(RelayMessage, frozen=True, tag=4):
    """The last message on a connection: Redis cannot be reached, or not any more."""

    reason: str


FromWorkerToRelay: TypeAlias = (
    RelayJoin | RelayCommands | RelaySubscribe | RelayUnsubscribe | RelayDistrust | RelayAnswer
)
FromRelay: TypeAlias = RelayJoined | RelayReplies | RelayFailure | RelayLost


def _pack_error(value: object) -> msgspec.msgpack.Ext:
    if not isinstance(value, Exception):
        raise NotImplementedError(f"a reply of the type {type(value).__name__}")
    code = getattr(value, "status_code", None)  # Redis' first word, where redis-py cuts it off
    return msgspec.msgpack.Ext(_ERROR, msgspec.msgpack.encode((type(value).__name__, str(value), code)))


def _unpack_error(code: int, data: memoryview) -> Exception:
    name, text, status_code = msgspec.msgpack.decode(data, type=tuple[str, str, str | None])
    if name == "TimeoutError":
        return TimeoutError(text)
    kind = getattr(redis.exceptions, name, None)
    if not isinstance(kind, type) or not issubclass(kind, RedisError):
        return RedisConnectionError(text or name)
    try:
        error = kind(text)
    except Exception:  # some read more than a text from what they are given
        error = ResponseError(text)
    if status_code is not None:
        error.status_code = status_code
    return error


_encode = msgspec.msgpack.Encoder(enc_hook=_pack_error).encode
read_from_worker = msgspec.msgpack.Decoder(FromWorkerToRelay).decode
read_from_relay = msgspec.msgpack.Decoder(FromRelay, ext_hook=_unpack_error).decode


def encode_relay_frame(message: FromWorkerToRelay | FromRelay) -> bytes:
    """The message as it is written to the stream."""
    return framed(_encode(message))
