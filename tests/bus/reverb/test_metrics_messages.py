"""Questions and answers of Reverb up to 1.6.3, beside those of later releases (test_metrics_answers.py)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from revurb.bus.reverb.message_parts import InvalidReverbMessage
from revurb.bus.reverb.metrics_messages import (
    MAX_OLD_BYTES,
    MetricsAnswer,
    MetricsQuestion,
    write_answer,
    write_question,
)
from revurb.bus.reverb.php_release import PhpRelease
from revurb.bus.reverb.reverb_messages import AskedByRevurb, read
from tests.bus.reverb import php_model
from tests.bus.reverb.php_node import OLD_APPLICATION, old_answer

OLD = PhpRelease.OLD
KEY = "Old1234567"


def asked(payload: Any, **changes: Any) -> bytes:
    message = {"type": "metrics", "key": KEY, "application": OLD_APPLICATION, "payload": payload}
    return json.dumps({**message, **changes}).encode()


@pytest.mark.parametrize(
    ("payload", "kind", "options"),
    [
        ({"type": "connections", "options": []}, "CONNECTIONS", {}),
        (
            {"type": "channels", "options": {"filter": None, "info": "a"}},
            "CHANNELS",
            {"filter": None, "info": "a"},
        ),
        (
            {"type": "channels", "options": {"channels": ["a", "b"]}},
            "CHANNELS",
            {"channels": {0: "a", 1: "b"}},
        ),
        ({"type": "channels", "options": {"channels": {"3": "a"}}}, "CHANNELS", {"channels": {"3": "a"}}),
        ({"type": "channel_users", "options": {"channel": "x"}}, "CHANNEL_USERS", {"channel": "x"}),
        ({"type": "a new one", "options": None}, "A NEW ONE", {}),
        ({"options": 5}, "", {}),
    ],
)
def test_old_questions(payload: Any, kind: str, options: Any) -> None:
    assert read(asked(payload)) == MetricsQuestion(KEY, "app1", kind, options, OLD)


@pytest.mark.parametrize(
    "data",
    [
        asked({"type": "connections"}, key=None),
        asked({"type": "connections"}, key="metrics"),
        asked({"type": "connections"}, application=""),
        asked({"type": 5}),
        asked([]),
        asked({"type": "channels", "options": {"filter": "x" * MAX_OLD_BYTES}}),
        asked({"type": "channels"}).replace(
            b'"channels"', b'"channels","options":' + b"[" * 5000 + b"]" * 5000
        ),
        b'{"type":"metrics-retrieved","payload":[]}',
    ],
)
def test_old_messages_that_are_none(data: bytes) -> None:
    with pytest.raises(InvalidReverbMessage):
        read(data)


def test_old_answers() -> None:
    assert read(old_answer(KEY.encode(), b"[5]")) == MetricsAnswer(KEY, msgspec.Raw(b"[5]"), OLD)
    question = MetricsQuestion(KEY, "app1", "CHANNELS", {}, OLD)
    written = write_answer(question, b'{"a":[]}')
    assert php_model.receive_as_old(written)["payload"] == {"a": []}
    assert list(json.loads(written)) == ["type", "key", "application", "payload"]
    php_model.json_decode(written)


def test_old_questions_of_revurb_nodes() -> None:
    question = MetricsQuestion(KEY, "app1", "CHANNELS", {}, OLD)
    written = write_question("n1", question, {"info": "user_count", "channels": ["a/b", "c"]})
    assert php_model.receive_as_old(written)["payload"] == {
        "type": "channels",
        "options": {"info": "user_count", "channels": ["a/b", "c"]},
    }
    assert read(written) == AskedByRevurb(OLD)


def test_an_old_node_ends_on_new_messages() -> None:
    """As the model has it, and the notes on releases."""
    question = MetricsQuestion(KEY, "app1", "CONNECTIONS", {})
    for message in (write_question("n1", question, {}), write_answer(question, b"[]")):
        php_model.receive(message)
        with pytest.raises(php_model.Fatal, match="application"):
            php_model.receive_as_old(message)
