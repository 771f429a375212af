"""The messages that PHP Reverb nodes exchange, as JSON, read and written.

    {"type":"message","application":A,"payload":{"event","channels"|"channel","data","user_id"?},"socket_id"?}
    {"type":"terminate","application":A,"payload":{"user_id"}}
    {"type":"metrics","payload":Q}, answered by every subscriber with {"type":<Q's key>,"payload":...}

A is a serialised Application, Q a serialised PendingMetric. PHP ignores keys at the top level that it does not know
(captured), so Revurb nodes mark there what they send, with "origin", and skip what carries the mark.

What is written uses PHP's own escapes. It is refused (`UnreadableByPhp`) where PHP's json_decode or json_encode would
fail, since the node that read it would die.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec
import orjson

from revurb.bus.reverb import php
from revurb.pusher.ports import PublishedEvent

MAX_BYTES = 32 * 1024 * 1024  # the longest are answers with all connections, 30 bytes each
MAX_DEPTH = 480  # of the JSON within an event; PHP reads 512 levels in all
_ORIGIN = "revurb:"
_KEY = re.compile("[A-Za-z0-9]{10,64}")  # never one of the three message types
_LETTERS = string.ascii_letters + string.digits


class InvalidReverbMessage(ValueError):
    """Not a message that a Reverb node sends."""


class UnreadableByPhp(ValueError):
    """A message that PHP could not read."""


class ReverbEvent(NamedTuple):
    """A finished event for the subscribers of each channel but `except_socket_id`: pairs of channel and text.

    `triggered` is whether the application triggered it: it is neither a client event nor one of the server's own.
    """

    app_id: str
    events: tuple[tuple[str, bytes], ...]
    except_socket_id: str | None
    triggered: bool


class Terminate(NamedTuple):
    """Close all connections of a user."""

    app_id: str
    user_id: str


class MetricsQuestion(NamedTuple):
    """A question, whose answers carry `key`. `kind` is CONNECTIONS, CHANNELS, CHANNEL or CHANNEL_USERS."""

    key: str
    app_id: str
    kind: str
    options: Mapping[str | int, php.PhpValue]


class MetricsAnswer(NamedTuple):
    """An answer to the question with that key. Other nodes' questions are answered on the same channel."""

    key: str
    payload: msgspec.Raw


ReverbMessage: TypeAlias = ReverbEvent | Terminate | MetricsQuestion | MetricsAnswer


class _ReverbEnvelope(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")
    application: str = ""
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
        if isinstance(envelope.origin, str) and envelope.origin.startswith(_ORIGIN):
            return None
        match envelope.type:
            case "message":
                return _read_message(envelope)
            case "terminate":
                user_id = _read_terminate(envelope.payload).user_id
                return Terminate(_read_application(php.read(envelope.application.encode())), str(user_id))
            case "metrics":
                return _read_metrics_question(php.read(_read_text(envelope.payload).encode()))
            case key:
                return MetricsAnswer(key, envelope.payload)
    except (
        msgspec.MsgspecError,
        orjson.JSONDecodeError,
        php.InvalidPhpData,
        UnicodeError,
        RecursionError,
    ) as error:
        raise InvalidReverbMessage(str(error)) from error


def _read_message(envelope: _ReverbEnvelope) -> ReverbEvent:
    app_id = _read_application(php.read(envelope.application.encode()))
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
    return ReverbEvent(app_id, tuple(texts), except_socket_id, triggered)


def _user_id_text(raw: bytes) -> bytes:
    """The user's id as a JSON string, as Revurb's own clients are told it; what is no id stays as it came."""
    value = orjson.loads(raw)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return b'"%b"' % raw if is_number else raw


def _read_metrics_question(value: php.PhpValue) -> MetricsQuestion:
    if not isinstance(value, php.PhpObject) or value.class_name != php.PENDING_METRIC:
        raise InvalidReverbMessage("not a question")
    key, kind, options = (value.properties.get(name) for name in ("key", "type", "options"))
    if not isinstance(key, str) or not _KEY.fullmatch(key) or not isinstance(kind, php.PhpCase):
        raise InvalidReverbMessage("not a question that can be answered")
    app_id = _read_application(value.properties.get("application"))
    return MetricsQuestion(key, app_id, kind.name, options if isinstance(options, Mapping) else {})


def _read_application(value: php.PhpValue) -> str:
    if not isinstance(value, php.PhpObject) or value.class_name != php.APPLICATION:
        raise InvalidReverbMessage("not an application")
    app_id = value.properties.get("id")
    if not isinstance(app_id, str) or not app_id:
        raise InvalidReverbMessage("an application without an id")
    return app_id


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
        user = b',"user_id":' + _raw(event.user_id) if bytes(event.user_id) else b""
        payload = b'{"event":%b,"channel":%b,"data":%b%b}' % (name, channel, _raw(event.data), user)
    else:
        payload = b'{"event":%b,"channels":[%b],"data":%b}' % (name, channel, data)
    except_part = (
        b',"socket_id":' + quote(published.except_socket_id).encode() if published.except_socket_id else b""
    )
    return b'{"type":"message","application":%b,"payload":%b%b,%b}' % (
        _application(published.app_id),
        payload,
        except_part,
        _origin(node),
    )


def write_terminate(node: str, app_id: str, user_id: str) -> bytes:
    payload = quote(user_id).encode()
    return b'{"type":"terminate","application":%b,"payload":{"user_id":%b},%b}' % (
        _application(app_id),
        payload,
        _origin(node),
    )


def write_question(node: str, metric: MetricsQuestion, options: Mapping[str, php.PhpWritable]) -> bytes:
    """The message for a question. `options` are written; those of the `MetricsQuestion` are what was read from one."""
    try:
        question = php.write_object(
            php.PENDING_METRIC,
            {
                "subscribers": b"N;",
                "data": php.write({}),
                "key": php.write(metric.key),
                "application": _serialized_application(metric.app_id),
                "type": php.write_case(php.METRIC_TYPE, metric.kind),
                "options": b"a:%d:{%b}"
                % (len(options), b"".join(php.write(key) + php.write(each) for key, each in options.items())),
            },
        )
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error
    return b'{"type":"metrics","payload":%b,%b}' % (quote(question.decode()).encode(), _origin(node))


def write_answer(key: str, payload: bytes) -> bytes:
    """The message for an answer. `payload` must be a JSON array or object: PHP nodes die of anything else."""
    return b'{"type":"%b","payload":%b}' % (key.encode(), payload)


def new_key() -> str:
    """Ten letters and digits, as PHP's keys are."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


def quote(text: str) -> str:
    """A JSON string, escaped as PHP's json_encode does. Raises UnreadableByPhp."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error
    return json.dumps(text).replace("/", "\\/")


def is_readable_by_php(raw: bytes) -> bool:
    """Whether PHP can read this JSON and write it again: no numbers beyond a double, no lone surrogates (orjson refuses
    both), not too deep."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return True
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            each
            for outer in level
            if isinstance(outer, dict | list)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _raw(raw: msgspec.Raw) -> bytes:
    data = bytes(raw)
    if not is_readable_by_php(data):
        raise UnreadableByPhp("JSON that PHP cannot read")
    return data


@lru_cache(maxsize=1024)
def _application(app_id: str) -> bytes:
    try:
        return quote(_serialized_application(app_id).decode()).encode()
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error


def _serialized_application(app_id: str) -> bytes:
    """The application with its id only. PHP nodes need nothing else of it (captured), and the secret is not sent."""
    return php.write_object(php.APPLICATION, {"id": php.write(app_id)})


@lru_cache(maxsize=16)
def _origin(node: str) -> bytes:
    return b'"origin":' + quote(_ORIGIN + node).encode()
