"""Questions for counts and their answers, read and written, in both forms.

Up to Reverb 1.6.3, with A a serialised application:

    {"type":"metrics","key":K,"application":A,"payload":{"type":T,"options":O}}
    {"type":"metrics-retrieved","key":K,"application":A,"payload":P}

From 1.7.0 on, with Q a serialised PendingMetric:

    {"type":"metrics","payload":Q}
    {"type":K,"payload":P}

A node of one kind ends on a question of the other.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import orjson

from revurb.bus.reverb import php
from revurb.bus.reverb.message_parts import (
    InvalidReverbMessage,
    application_of,
    read_application,
    serialize_application,
    write_application,
    write_origin,
)
from revurb.bus.reverb.php_json import UnreadableByPhp, quote, write_json
from revurb.bus.reverb.php_release import PhpRelease

OLD_ANSWER = "metrics-retrieved"
MAX_OLD_BYTES = 192 * 1024  # of an old question: names of channels, which are read in 5 ms
_KEY = re.compile("[A-Za-z0-9]{10,64}")  # never one of the types of messages
_LETTERS = string.ascii_letters + string.digits


class MetricsQuestion(NamedTuple):
    """A question, whose answers carry `key`. `kind` is CONNECTIONS, CHANNELS, CHANNEL or CHANNEL_USERS. `form` is how
    it was asked, and is answered."""

    key: str
    app_id: str
    kind: str
    options: Mapping[str | int, php.PhpValue]
    form: PhpRelease = PhpRelease.NEW


class MetricsAnswer(NamedTuple):
    """An answer to the question with that key. Other nodes' questions are answered on the same channel."""

    key: str
    payload: msgspec.Raw
    form: PhpRelease = PhpRelease.NEW


class _OldQuestion(msgspec.Struct):
    type: str = ""
    options: msgspec.Raw = msgspec.Raw(b"[]")


_read_old_question = msgspec.json.Decoder(_OldQuestion).decode


def read_question(text: str) -> MetricsQuestion:
    """Read Q. Raises InvalidReverbMessage and php.InvalidPhpData."""
    value = php.read(text.encode())
    if not isinstance(value, php.PhpObject) or value.class_name != php.PENDING_METRIC:
        raise InvalidReverbMessage("not a question")
    key, kind, options = (value.properties.get(name) for name in ("key", "type", "options"))
    if not isinstance(key, str) or not _KEY.fullmatch(key) or not isinstance(kind, php.PhpCase):
        raise InvalidReverbMessage("not a question that can be answered")
    app_id = application_of(value.properties.get("application")).app_id
    return MetricsQuestion(key, app_id, kind.name, options if isinstance(options, Mapping) else {})


def read_old_question(key: object, application: str, payload: msgspec.Raw) -> MetricsQuestion:
    """Read a question of 1.6.3 or earlier. Raises InvalidReverbMessage, and what the readers of JSON and PHP data
    raise."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidReverbMessage("not a question that can be answered")
    if len(bytes(payload)) > MAX_OLD_BYTES:
        raise InvalidReverbMessage("a question that is too long")
    app_id = read_application(application).app_id
    question = _read_old_question(payload)
    options = _read_options(bytes(question.options))
    return MetricsQuestion(key, app_id, question.type.upper(), options, PhpRelease.OLD)


def read_old_answer(key: object, payload: msgspec.Raw) -> MetricsAnswer:
    """Read an answer of 1.6.3 or earlier. Raises InvalidReverbMessage."""
    if not isinstance(key, str):
        raise InvalidReverbMessage("an answer without a key")
    return MetricsAnswer(key, payload, PhpRelease.OLD)


def write_question(
    node: str,
    metric: MetricsQuestion,
    options: Mapping[str, php.PhpWritable],
) -> bytes:
    """The message for a question, in its form. `options` are written; those of the `MetricsQuestion` are what was read
    from one. Raises UnreadableByPhp."""
    if metric.form is PhpRelease.OLD:
        return _write_old_question(node, metric, options)
    try:
        question = php.write_object(
            php.PENDING_METRIC,
            {
                "subscribers": b"N;",
                "data": php.write({}),
                "key": php.write(metric.key),
                "application": serialize_application(metric.app_id),
                "type": php.write_case(php.METRIC_TYPE, metric.kind),
                "options": b"a:%d:{%b}"
                % (len(options), b"".join(php.write(key) + php.write(each) for key, each in options.items())),
            },
        )
    except UnicodeEncodeError as error:
        raise UnreadableByPhp(str(error)) from error
    return b'{"type":"metrics","payload":%b,%b}' % (quote(question.decode()).encode(), write_origin(node))


def _write_old_question(node: str, metric: MetricsQuestion, options: Mapping[str, php.PhpWritable]) -> bytes:
    payload = write_json({"type": metric.kind.lower(), "options": options})
    return b'{"type":"metrics","key":"%b","application":%b,"payload":%b,%b}' % (
        metric.key.encode(),
        write_application(metric.app_id),
        payload.encode(),
        write_origin(node),
    )


def write_answer(question: MetricsQuestion, payload: bytes) -> bytes:
    """The message for an answer, in the form of the question. `payload` must be a JSON array or object: PHP nodes die
    of anything else. Raises UnreadableByPhp."""
    before, after = around_answer(question)
    return before + payload + after


def around_answer(question: MetricsQuestion) -> tuple[bytes, bytes]:
    """What is before the payload of an answer and behind it. Raises UnreadableByPhp."""
    if question.form is PhpRelease.OLD:
        before = b'{"type":"%b","key":"%b","application":%b,"payload":' % (
            OLD_ANSWER.encode(),
            question.key.encode(),
            write_application(question.app_id),
        )
        return before, b"}"
    return b'{"type":"%b","payload":' % question.key.encode(), b"}"


def new_key() -> str:
    """Ten letters and digits, as PHP's keys are."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


def _read_options(raw: bytes) -> Mapping[str | int, php.PhpValue]:
    """The options of an old question, as PHP's json_decode makes them: texts, and lists of texts under their numbers.
    What is neither means nothing, and is left out."""
    value = orjson.loads(raw)
    found: dict[str | int, php.PhpValue] = {}
    for name, option in value.items() if isinstance(value, dict) else ():
        if option is None or isinstance(option, str):
            found[name] = option
        elif isinstance(option, list | dict):
            pairs = option.items() if isinstance(option, dict) else enumerate(option)
            found[name] = {key: each for key, each in pairs if isinstance(each, str)}
    return found
