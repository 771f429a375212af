"""Notes between nodes; in place of Redis, they are carried over at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.node_notes import NodeNotes
from revurb.bus.redis.scripts import RedisScript, Scripts

KEYS = Keys("revurb")


class Nodes:
    """Two nodes, "n1" and "n2", and what their notes reported."""

    def __init__(self) -> None:
        self.scripts = Scripts()
        self.reported: list[tuple[Any, ...]] = []
        self.notes = {node: self._notes(node) for node in ("n1", "n2")}

    def _notes(self, node: str) -> NodeNotes:
        return NodeNotes(
            node,
            KEYS,
            self.scripts,
            cast(CommandQueue, self),
            on_question=lambda number, question: self.reported.append((node, "question", number, question)),
            on_answer=lambda id, answer: self.reported.append((node, "answer", id, answer)),
            on_gone=lambda gone: self.reported.append((node, "gone", gone)),
        )

    def run_script(self, script: RedisScript, keys: Sequence[str], args: Sequence[Any]) -> None:
        assert script is self.scripts.publish_note
        channel, data = args
        for node, notes in self.notes.items():
            if channel in (KEYS.all_nodes, KEYS.inbox(node)):
                notes.on_message(data)


def test_a_question_goes_to_all_and_the_answers_to_the_asker() -> None:
    nodes = Nodes()
    nodes.notes["n1"].ask_all(7, b"?")
    assert nodes.reported == [("n1", "question", 1, b"?"), ("n2", "question", 1, b"?")]
    nodes.reported.clear()
    nodes.notes["n2"].answer(1, b"!")
    nodes.notes["n2"].answer(1, b"again")
    assert nodes.reported == [("n1", "answer", 7, b"!")]


def test_everyone_is_told_that_a_node_is_gone() -> None:
    nodes = Nodes()
    nodes.notes["n1"].announce_gone("n3")
    assert nodes.reported == [("n1", "gone", "n3"), ("n2", "gone", "n3")]


def test_what_is_no_note_is_counted() -> None:
    nodes = Nodes()
    for data in (b"", b"\xff", msgspec.msgpack.encode(["other", "n1"]), b"\x91" * 100_000):
        nodes.notes["n1"].on_message(data)
    assert nodes.notes["n1"].invalid_messages == 4
    assert nodes.reported == []
