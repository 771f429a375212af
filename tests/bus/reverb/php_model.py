"""What PHP makes of a message on the channel, strictly: an independent reading of its JSON and of its `serialize`.

Written from PHP's documentation and from the captures, with no code of Revurb's: whatever passes here was captured from
a PHP node in the same shape, or is one of the variations that a PHP node was seen to survive.
"""

from __future__ import annotations

import json
import math
from typing import Any

PREFIX = "Laravel\\Reverb\\"
APPLICATION = PREFIX + "Application"
METRIC = PREFIX + "Protocols\\Pusher\\PendingMetric"
METRIC_TYPE = PREFIX + "Protocols\\Pusher\\MetricType"
KINDS = ("CONNECTIONS", "CHANNELS", "CHANNEL", "CHANNEL_USERS")
JSON_DEPTH = 512

APPLICATION_PROPERTIES: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "key": (str,),
    "secret": (str,),
    "pingInterval": (int,),
    "activityTimeout": (int,),
    "allowedOrigins": (dict,),
    "maxMessageSize": (int,),
    "maxConnections": (int, type(None)),
    "acceptClientEventsFrom": (str,),
    "rateLimiting": (dict, type(None)),
    "options": (dict,),
}
METRIC_PROPERTIES = ["subscribers", "data", "key", "application", "type", "options"]


class Fatal(Exception):
    """The PHP node has ended."""


def unserialize(text: str) -> Any:
    """Arrays as dicts, objects as (class name, {property: value}), cases as (enum, name)."""
    value, rest = _value(text.encode())
    _must(rest == b"", "trailing bytes")
    return value


def _must(condition: object, what: str) -> None:
    if not condition:
        raise Fatal(what)


def _digits(data: bytes, end: bytes) -> tuple[int, bytes]:
    number, found, rest = data.partition(end)
    _must(found and number.removeprefix(b"-").isdigit() and len(number) < 20, "a number")
    _must(str(int(number)).encode() == number, "a number as PHP writes it")
    return int(number), rest


def _quoted(data: bytes) -> tuple[bytes, bytes]:
    length, rest = _digits(data, b":")
    _must(length >= 0 and len(rest) >= length + 2, "a string's length")
    _must(rest[:1] == b'"' and rest[length + 1 : length + 2] == b'"', "quotes where the length says")
    return rest[1 : length + 1], rest[length + 2 :]


def _value(data: bytes) -> tuple[Any, bytes]:
    kind, rest = data[:2], data[2:]
    if kind == b"N;":
        return None, rest
    if kind == b"b:":
        _must(rest[:2] in (b"0;", b"1;"), "a boolean")
        return rest[:1] == b"1", rest[2:]
    if kind == b"i:":
        return _digits(rest, b";")
    if kind == b"s:":
        text, rest = _quoted(rest)
        _must(rest[:1] == b";", "a string's end")
        return text.decode(), rest[1:]
    if kind == b"E:":
        case, rest = _quoted(rest)
        enum, _, name = case.decode().partition(":")
        _must(rest[:1] == b";" and enum == METRIC_TYPE and name in KINDS, "a case")
        return (enum, name), rest[1:]
    if kind == b"a:":
        return _pairs(rest)
    if kind == b"O:":
        class_name, rest = _quoted(rest)
        _must(rest[:1] == b":", "a colon")
        pairs, rest = _pairs(rest[1:])
        properties = {}
        for key, value in pairs.items():
            _must(isinstance(key, str) and key[:3] == "\0*\0", "a protected property")
            properties[key[3:]] = value
        _object(class_name.decode(), properties)
        return (class_name.decode(), properties), rest
    raise Fatal(f"a value, not {data[:10]!r}")


def _pairs(data: bytes) -> tuple[dict[Any, Any], bytes]:
    count, rest = _digits(data, b":")
    _must(count >= 0 and rest[:1] == b"{", "a count and a brace")
    rest, found = rest[1:], {}
    for _ in range(count):
        key, rest = _value(rest)
        _must(type(key) in (int, str) and key not in found, "a new key")
        found[key], rest = _value(rest)
    _must(rest[:1] == b"}", "a brace at the end")
    return found, rest[1:]


def _object(class_name: str, properties: dict[str, Any]) -> None:
    if class_name == APPLICATION:
        _must(properties.get("id"), "an id")
        expected = [name for name in APPLICATION_PROPERTIES if name in properties]
        _must(list(properties) == expected, "the properties, in order")
        for name, value in properties.items():
            _must(type(value) in APPLICATION_PROPERTIES[name], f"the type of {name}")
    else:
        _must(class_name == METRIC, "a class that is allowed")
        _must(list(properties) == METRIC_PROPERTIES, "the properties, in order")
        _must(properties["subscribers"] is None and properties["data"] == {}, "nothing yet")
        key = properties["key"]
        _must(isinstance(key, str) and len(key) == 10 and key.isalnum(), "a key")
        _must(properties["application"][0] == APPLICATION, "an application")
        _options(properties["type"][1], properties["options"])


def _options(kind: str, options: dict[str, Any]) -> None:
    match kind, tuple(options):
        case ("CONNECTIONS", ()):
            pass
        case ("CHANNELS", ("filter", "info")):
            _must(all(value is None or type(value) is str for value in options.values()), "texts")
        case ("CHANNELS", ("info", "channels")):
            names = options["channels"]
            _must(type(options["info"]) is str and list(names) == list(range(len(names))), "a list")
            _must(all(type(name) is str for name in names.values()), "names")
        case ("CHANNEL", ("channel", "info")) | ("CHANNEL_USERS", ("channel",)):
            _must(type(options["channel"]) is str, "a name")
        case _:
            raise Fatal(f"the options of {kind}: {options}")


def json_decode(data: bytes) -> Any:
    """With JSON_THROW_ON_ERROR; and what comes out has to go through json_encode later on."""
    try:
        value = json.loads(data.decode(), parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, UnicodeError, RecursionError) as error:
        raise Fatal(f"JSON: {error}") from error
    _must(_depth(value) <= JSON_DEPTH, "maximum depth exceeded")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner = [each for each in level if isinstance(each, dict | list)]
        _must(not any(isinstance(each, float) and math.isinf(each) for each in level), "infinity")
        level = [x for each in inner for x in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return deepest
    return deepest


def receive(data: bytes) -> dict[str, Any]:
    """One message, checked in every part; `application` and a question are unserialized in place."""
    message: dict[str, Any] = json_decode(data)
    _must(type(message) is dict and type(message.get("type")) is str, "an object with a type")
    keys = [key for key in message if key != "origin"]
    match message["type"]:
        case "message":
            _must(keys in (MESSAGE, [*MESSAGE, "socket_id"]), f"keys {keys}")
            _must(type(message.get("socket_id", "")) is str, "a socket id")
            message["application"] = _application(message["application"])
            _event(message["payload"])
        case "terminate":
            _must(keys == MESSAGE, f"keys {keys}")
            message["application"] = _application(message["application"])
            payload = message["payload"]
            _must(type(payload) is dict and list(payload) == ["user_id"], "whom")
            _must(type(payload["user_id"]) is str, "a user id")
        case "metrics":
            _must(keys == ["type", "payload"] and type(message["payload"]) is str, "a question")
            question = unserialize(message["payload"])
            _must(isinstance(question, tuple) and question[0] == METRIC, "a question")
            message["payload"] = question[1]
        case key:
            _must(len(key) == 10 and key.isalnum(), "a key")
            _must(list(message) == ["type", "payload"], "an answer")
            _must(type(message["payload"]) in (dict, list), "an array")
    return message


def receive_as_old(data: bytes) -> dict[str, Any]:
    """As `receive`, as Reverb up to 1.6.3 does: whatever it is, its `application` is unserialized first."""
    message: dict[str, Any] = json_decode(data)
    _must(type(message) is dict and "application" in message, 'Undefined array key "application"')
    if message["type"] in ("message", "terminate"):
        return receive(data)
    message["application"] = _application(message["application"])
    _must(type(message.get("key")) is str, "a key")
    match message["type"]:
        case "metrics":
            payload = message["payload"]
            _must(type(payload) is dict and type(payload["options"]) in (dict, list), "options")
            _must(payload["type"].upper() in KINDS and payload["type"].islower(), "a kind")
            names = payload["options"] and payload["options"].get("channels")
            _must(names is None or type(names) in (dict, list) or names == [], "names")
        case "metrics-retrieved":
            _must(type(message["payload"]) in (dict, list), "an array")
        case _:
            raise Fatal("a type that nobody sends")
    return message


MESSAGE = ["type", "application", "payload"]


def _application(text: Any) -> dict[str, Any]:
    _must(type(text) is str, "a serialized application")
    value = unserialize(text)
    _must(isinstance(value, tuple) and value[0] == APPLICATION, "an application")
    found: dict[str, Any] = value[1]
    return found


def _event(payload: Any) -> None:
    _must(type(payload) is dict, "an event")
    keys = list(payload)
    if keys == ["event", "channels", "data"]:
        channels = payload["channels"]
        _must(type(channels) is list and channels, "channels")
        _must(type(payload["data"]) is str, "data")
    else:
        _must(keys[:3] == ["event", "channel", "data"], f"keys {keys}")
        channels = [payload["channel"]]
    _must(type(payload["event"]) is str and payload["event"], "an event's name")
    _must(all(type(channel) is str and channel for channel in channels), "channel names")
