"""What nodes send each other over Redis besides events: survey questions and answers, that a node is gone,
and that what all nodes have in common was lost."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.envelope import UNREADABLE
from revurb.bus.redis.invalid_values import InvalidValues
from revurb.bus.redis.keys import Keys, read_topic_id
from revurb.bus.redis.scripts import Scripts


class _Note(msgspec.Struct, array_like=True):
    """`kind`: "question" (of `node`, under its `id`), "answer", "gone" (`node` is), "again" (each
    node is to begin a new session, in which it reports what it holds), "report" (each node is to report the channel
    whose topic id is `text`)."""

    kind: str
    node: str
    id: int = 0
    text: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_read_note = msgspec.msgpack.Decoder(_Note).decode


class NodeNotes:
    """Sends and receives notes for `node`. `receive` gets what comes, as messages to the bus; `on_again` is called when
    this node is to begin a new session. `invalid` gets what is not a note."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: CommandQueue,
        receive: Callable[[m.FromBroker], None],
        *,
        on_again: Callable[[], None],
        invalid: InvalidValues,
    ) -> None:
        self._on_again = on_again
        self._receive = receive
        self._invalid = invalid
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._questions = 0
        # Number -> the node that asked, its id for the question.
        self._askers: dict[int, tuple[str, int]] = {}

    def on_message(self, channel: bytes, data: bytes) -> None:
        """A note has come, for this node or for all."""
        try:
            note = _read_note(data)
        except UNREADABLE as error:
            self._invalid.report(channel, error)
            return
        match note.kind:
            case "question":
                self._questions += 1
                self._askers[self._questions] = (note.node, note.id)
                self._receive(m.SurveyQuestion(self._questions, note.text))
            case "answer":
                self._receive(m.SurveyResult(note.id, note.text))
            case "gone":
                self._receive(m.NodeGone(note.node))
            case "again":
                self._on_again()
            case "report":
                try:
                    self._receive(m.ReportRequest(*read_topic_id(note.text.decode())))
                except UnicodeDecodeError as error:
                    self._invalid.report(channel, error)
            case _:
                self._invalid.report(channel, "a note of an unknown kind")

    def ask_all(self, id: int, question: bytes) -> None:
        """Send a question to every node."""
        self._publish(self._keys.all_nodes, _Note("question", self._node, id, question))

    def answer(self, number: int, answer: bytes) -> None:
        """Answer the question that came with this number."""
        asker = self._askers.pop(number, None)
        if asker is not None:
            node, id = asker
            self._publish(self._keys.inbox(node), _Note("answer", self._node, id, answer))

    def announce_gone(self, node: str) -> None:
        """Tell every node that one is gone for good."""
        self._publish(self._keys.all_nodes, _Note("gone", node))

    def ask_for_report(self, topic_id: str) -> None:
        """Tell every node to report what it has of one channel."""
        self._publish(self._keys.all_nodes, _Note("report", self._node, 0, topic_id.encode()))

    def ask_for_reports(self) -> None:
        """Tell every node to report what it holds."""
        self._publish(self._keys.all_nodes, _Note("again", self._node))

    def _publish(self, channel: str, note: _Note) -> None:
        packed = _encode(note)
        self._commands.run_script(
            self._scripts.publish_note, (self._keys.leases,), (channel, packed), long_bytes=len(packed)
        )
