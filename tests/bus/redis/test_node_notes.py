"""Notes between nodes; in place of Redis, they are carried over at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.node_notes import NodeNotes
from revurb.bus.redis.scripts import RedisScript, Scripts

KEYS = Keys("revurb")
NOT_UTF8 = bytes.fromhex("94a1ffa17800c400")  # as text: no MsgspecError, but a UnicodeDecodeError


class Nodes:
    """Two nodes, "n1" and "n2", and what their notes reported."""

    def __init__(self) -> None:
        self.scripts = Scripts()
        self.reported: list[tuple[Any, ...]] = []
        self.invalid = InvalidValues()
        self.notes = {node: self._notes(node) for node in ("n1", "n2")}

    def _notes(self, node: str) -> NodeNotes:
        return NodeNotes(
            node,
            KEYS,
            self.scripts,
            cast(CommandQueue, self),
            lambda message: self.reported.append((node, message)),
            on_again=lambda: self.reported.append((node, "again")),
            invalid=self.invalid,
        )

    def run_script(
        self, script: RedisScript, keys: Sequence[str], args: Sequence[Any], *, long_bytes: int
    ) -> None:
        assert script is self.scripts.publish_note
        channel, data = args
        for node, notes in self.notes.items():
            if channel in (KEYS.all_nodes, KEYS.inbox(node)):
                notes.on_message(channel.encode(), data)


def test_a_question_goes_to_all_and_the_answers_to_the_asker() -> None:
    nodes = Nodes()
    nodes.notes["n1"].ask_all(7, b"?")
    assert nodes.reported == [("n1", m.SurveyQuestion(1, b"?")), ("n2", m.SurveyQuestion(1, b"?"))]
    nodes.reported.clear()
    nodes.notes["n2"].answer(1, b"!")
    nodes.notes["n2"].answer(1, b"again")
    assert nodes.reported == [("n1", m.SurveyResult(7, b"!"))]


def test_everyone_is_told_that_a_node_is_gone() -> None:
    nodes = Nodes()
    nodes.notes["n1"].announce_gone("n3")
    assert nodes.reported == [("n1", m.NodeGone("n3")), ("n2", m.NodeGone("n3"))]


def test_what_is_no_note_is_counted() -> None:
    nodes = Nodes()
    for data in (b"", b"\xff", msgspec.msgpack.encode(["other", "n1"]), b"\x91" * 100_000, NOT_UTF8):
        nodes.notes["n1"].on_message(b"everyone", data)
    assert nodes.invalid.count == 5
    assert nodes.reported == []


def test_everyone_is_asked_to_report_again() -> None:
    nodes = Nodes()
    nodes.notes["n1"].ask_for_reports()
    assert nodes.reported == [("n1", "again"), ("n2", "again")]
    nodes.reported.clear()
    nodes.notes["n1"].ask_for_report(KEYS.topic("app1", "news").id)
    assert nodes.reported == [(node, m.ReportRequest("app1", "news")) for node in ("n1", "n2")]
    nodes.notes["n1"].on_message(b"everyone", msgspec.msgpack.encode(["report", "n1", 0, b"\xff"]))
    assert nodes.invalid.count == 1
