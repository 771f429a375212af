"""The messages that PHP Reverb nodes exchange, as JSON, read and written.

    {"type":"message","application":A,"payload":{"event","channels"|"channel","data","user_id"?},"socket_id"?}
    {"type":"terminate","application":A,"payload":{"user_id"}}

A is a serialised Application. Questions and their answers are in `metrics_messages`. PHP ignores keys at the top level
that it does not know (captured), so Revurb nodes mark there what they send, with "origin", and skip what carries the
mark.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec
import orjson

from revurb.bus.reverb import php
from revurb.bus.reverb.message_parts import (
    ORIGIN,
    InvalidReverbMessage,
    read_application,
    write_application,
    write_origin,
)
from revurb.bus.reverb.metrics_messages import (
    OLD_ANSWER,
    MetricsAnswer,
    MetricsQuestion,
    read_old_answer,
    read_old_question,
    read_question,
)
from revurb.bus.reverb.php_json import UnreadableByPhp, quote, readable_json
from revurb.bus.reverb.php_release import PhpRelease
from revurb.pusher.ports import PublishedEvent

MAX_BYTES = 32 * 1024 * 1024  # the longest are answers with all connections, 30 bytes each


class ReverbEvent(NamedTuple):
    """A finished event for the subscribers of each channel but `except_socket_id`: pairs of channel and text.

    `triggered` is whether the application triggered it: it is neither a client event nor one of the server's own.
    `release` is that of the PHP node, as far as its application tells.
    """

    app_id: str
    events: tuple[tuple[str, bytes], ...]
    except_socket_id: str | None
    triggered: bool
    release: PhpRelease | None = None


class Terminate(NamedTuple):
    """Close all connections of a user."""

    app_id: str
    user_id: str
    release: PhpRelease | None = None


class AskedByRevurb(NamedTuple):
    """Another Revurb node has asked PHP nodes in the old form: it knows of old ones."""

    form: PhpRelease = PhpRelease.OLD


ReverbMessage: TypeAlias = ReverbEvent | Terminate | MetricsQuestion | MetricsAnswer | AskedByRevurb


class _ReverbEnvelope(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")
    application: str = ""
    key: object = None
    socket_id: object = None
    origin: object = None


class _EventPayload(msgspec.Struct):
    event: str
    data: msgspec.Raw = msgspec.Raw()
    channel: str | None = None
    channels: list[str] | str | None = None
    user_id: msgspec.Raw = msgspec.Raw()


class _TerminatePayload(msgspec.Struct):
    user_id: str | int


_read_envelope = msgspec.json.Decoder(_ReverbEnvelope).decode
_read_event = msgspec.json.Decoder(_EventPayload).decode
_read_terminate = msgspec.json.Decoder(_TerminatePayload).decode
_read_text = msgspec.json.Decoder(str).decode


def read(data: bytes) -> ReverbMessage | None:
    """The message; None if a Revurb node sent it. Raises InvalidReverbMessage."""
    if len(data) > MAX_BYTES:
        raise InvalidReverbMessage("too long")
    try:
        data.decode()  # raw JSON is passed on as it came, so all of it must be UTF-8
        envelope = _read_envelope(data)
        is_old_question = envelope.type == "metrics" and bytes(envelope.payload)[:1] != b'"'
        if isinstance(envelope.origin, str) and envelope.origin.startswith(ORIGIN):
            return AskedByRevurb() if is_old_question else None
        match envelope.type:
            case "message":
                return _read_message(envelope)
            case "terminate":
                user_id = _read_terminate(envelope.payload).user_id
                app_id, release = read_application(envelope.application)
                return Terminate(app_id, str(user_id), release)
            case "metrics" if is_old_question:
                return read_old_question(envelope.key, envelope.application, envelope.payload)
            case "metrics":
                return read_question(_read_text(envelope.payload))
            case old if old == OLD_ANSWER:
                return read_old_answer(envelope.key, envelope.payload)
            case key:
                return MetricsAnswer(key, envelope.payload)
    except (
        msgspec.MsgspecError,
        orjson.JSONDecodeError,
        php.InvalidPhpData,
        UnicodeError,
        RecursionError,
    ) as error:
        raise InvalidReverbMessage(str(error), type(error).__name__) from error


def _read_message(envelope: _ReverbEnvelope) -> ReverbEvent:
    app_id, release = read_application(envelope.application)
    event = _read_event(envelope.payload)
    names = event.channels if event.channels is not None else event.channel
    channels = [names] if isinstance(names, str) else names or []
    is_clients = event.event.startswith("client-")
    head = [b'"event":' + orjson.dumps(event.event)]
    if bytes(event.data):
        orjson.loads(bytes(event.data))  # strict, as the clients' JSON readers are
        head.append(b'"data":' + bytes(event.data))
    texts = []
    for channel in dict.fromkeys(channels):
        parts = [*head, b'"channel":' + orjson.dumps(channel)]
        if is_clients and bytes(event.user_id) and channel.startswith("presence-"):
            parts.append(b'"user_id":' + _user_id_text(bytes(event.user_id)))
        texts.append((channel, b"{%b}" % b",".join(parts)))
    except_socket_id = envelope.socket_id if isinstance(envelope.socket_id, str) else None
    triggered = not is_clients and not event.event.startswith("pusher_internal:")
    return ReverbEvent(app_id, tuple(texts), except_socket_id, triggered, release)


def _user_id_text(raw: bytes) -> bytes:
    """The user's id as a JSON string, as Revurb's own clients are told it; what is no id stays as it came."""
    value = orjson.loads(raw)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return b'"%b"' % raw if is_number else raw


# Writing. Every function may raise UnreadableByPhp.


def write_event(node: str, published: PublishedEvent) -> bytes:
    """The message for an event of the application or the server, whose `data` is a string, or of a client."""
    try:
        event = _read_event(published.text)
        is_clients = event.event.startswith("client-")
        if not is_clients:
            data = quote(_read_text(event.data)).encode()
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UnreadableByPhp(str(error)) from error
    if event.channel is None:
        raise UnreadableByPhp("an event without a channel")
    name, channel = quote(event.event).encode(), quote(event.channel).encode()
    if is_clients:
        user = b',"user_id":' + readable_json(event.user_id) if bytes(event.user_id) else b""
        payload = b'{"event":%b,"channel":%b,"data":%b%b}' % (name, channel, readable_json(event.data), user)
    else:
        payload = b'{"event":%b,"channels":[%b],"data":%b}' % (name, channel, data)
    except_part = (
        b',"socket_id":' + quote(published.except_socket_id).encode() if published.except_socket_id else b""
    )
    return b'{"type":"message","application":%b,"payload":%b%b,%b}' % (
        write_application(published.app_id),
        payload,
        except_part,
        write_origin(node),
    )


def write_terminate(node: str, app_id: str, user_id: str) -> bytes:
    payload = quote(user_id).encode()
    return b'{"type":"terminate","application":%b,"payload":{"user_id":%b},%b}' % (
        write_application(app_id),
        payload,
        write_origin(node),
    )
