"""The list of messages is whole and true: each call of a logger in the sources is in it, and each of it somewhere."""

from __future__ import annotations

import ast
import logging

import pytest

from revurb.node import refusal_lines
from revurb.observe.log_messages import LOG_MESSAGES, LogMessage
from revurb.webhooks import dead_letters
from tests.architecture.imports import ROOT, SOURCES
from tests.architecture.log_calls import LogCall, log_calls, refusals_in
from tests.architecture.log_reference import DOCUMENT, reference

ALL: dict[str, LogMessage] = {
    text: message for messages in LOG_MESSAGES.values() for text, message in messages.items()
}
# Whose messages are given to them: what they are is looked for where they are given.
DYNAMIC = {"observe/refusal_log.py", "bus/redis/outage_log.py"}
CALLS = [call for call in log_calls() if call.source not in DYNAMIC]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.source}:{call.line}")
def test_each_message_is_listed(call: LogCall) -> None:
    where = f"{call.source}:{call.line}"
    assert call.message is not None, f"{where}: a message is a constant text; what varies is in its fields"
    assert call.message in ALL, f"{where}: {call.message!r} is not in revurb/observe/log_messages.py"
    listed = ALL[call.message]
    assert call.level in listed.levels.split(), f"{where}: its level {call.level} is not listed"
    unlisted = set(call.fields or ()) - set(listed.fields.split()) - {"..."}
    assert not unlisted, f"{where}: {call.message!r} has fields that are not listed: {unlisted}"


def test_each_refusal_is_listed() -> None:
    for name in ("node/refusal_lines.py", "node/hook_runner.py", "webhooks/delivery_desk.py"):
        assert [text for text in refusals_in(ROOT / name) if text not in ALL] == []
    tables = [row[0] for row in refusal_lines._OF_SESSIONS.values()]
    rows = [*refusal_lines._OF_STATUS.values(), *refusal_lines._OF_CLOSE_CODES.values()]
    for text, _, level in (*rows, refusal_lines._OTHER, refusal_lines._BROKEN):
        assert logging.getLevelName(level).lower() in ALL[text].levels.split()
    tables += [dead_letters.GIVEN_UP, dead_letters.FAILS, dead_letters.WORKS_AGAIN]
    assert [text for text in tables if text not in ALL] == []


def test_each_that_is_listed_is_somewhere() -> None:
    texts = {
        node.value
        for source in SOURCES
        if source.name != "log_messages.py"
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [text for text in ALL if text not in texts] == []


def test_it_is_listed_once_and_in_order() -> None:
    assert sum(map(len, LOG_MESSAGES.values())) == len(ALL)
    levels = ("debug", "info", "warning", "error", "critical")
    for text, message in ALL.items():
        found = [levels.index(level) for level in message.levels.split()]
        assert found, text
        assert found == sorted(found), text
        assert len(set(message.fields.split())) == len(message.fields.split()), text
        # What a line of JSON has anyway; a field would take its place there.
        assert not {"time", "level", "logger", "message", "exception"} & set(message.fields.split()), text


def test_the_document_is_of_now() -> None:
    assert DOCUMENT.read_text() == reference(), "make docs"
