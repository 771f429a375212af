"""Processes among themselves: leases, whose end another process notices, and surveys."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from revurb.bus.redis.cancellation import end
from revurb.bus.redis.command_queue import Commands, RedisDown
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.scripts import Scripts

_log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
CLAIM_LEASES = 3  # how long a process has for removing what another held, before the next one does it


class _Note(msgspec.Struct, array_like=True):
    """What processes tell each other. `kind`: "question" (of `node`, under its `id`), "answer", "gone" (`node` is)."""

    kind: str
    node: str
    id: int = 0
    text: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_read_note = msgspec.msgpack.Decoder(_Note).decode


class Control:
    """The node's lease and its part in surveys. `on_break` ends the life of the link; `on_question`, `on_answer` and
    `on_gone` are told what comes."""

    def __init__(
        self,
        node: str,
        keys: Keys,
        scripts: Scripts,
        commands: Commands,
        ledger: RedisLedger,
        lease_s: float,
        *,
        on_break: Callable[[RedisDown], None],
        on_question: Callable[[int, bytes], None],
        on_answer: Callable[[int, bytes], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self.refused = 0
        self._node = node
        self._keys = keys
        self._scripts = scripts
        self._commands = commands
        self._ledger = ledger
        self._lease_s = lease_s
        self._on_break = on_break
        self._on_question = on_question
        self._on_answer = on_answer
        self._on_gone = on_gone
        self._questions = 0
        self._asked: dict[int, tuple[str, int]] = {}  # number -> who asked, under which id
        self._epoch = ""
        self._now_ms = 0  # of Redis' clock, when it last said
        self._task: asyncio.Task[None] | None = None

    async def take_lease(self) -> str:
        """Which Redis this is: another name if it has lost its memory."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._renew(lambda value: None if reply.done() else reply.set_result(value))
        now_ms, epoch, _ = await reply
        self._now_ms, self._epoch = int(now_ms), epoch.decode()
        return self._epoch

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep_lease())

    async def stop(self) -> None:
        await end(self._task)

    def heard(self, data: bytes) -> None:
        """A note came, for this node or for all."""
        try:
            note = _read_note(data)
        except (msgspec.MsgspecError, RecursionError):
            self.refused += 1
            return
        match note.kind:
            case "question":
                self._questions += 1
                self._asked[self._questions] = (note.node, note.id)
                self._on_question(self._questions, note.text)
            case "answer":
                self._on_answer(note.id, note.text)
            case "gone":
                self._on_gone(note.node)
            case _:
                self.refused += 1

    def survey(self, id: int, question: bytes, asked: Callable[[int], None]) -> None:
        """Ask all nodes that live; `asked` is told how many those are."""
        self._commands.plain("ZCOUNT", self._keys.nodes, f"({self._now_ms}", "+inf", done=asked)
        self._publish(self._keys.everyone, _Note("question", self._node, id, question))

    def answer(self, number: int, answer: bytes) -> None:
        """Answer the question that `on_question` was given under this number."""
        asked = self._asked.pop(number, None)
        if asked is not None:
            node, id = asked
            self._publish(self._keys.inbox(node), _Note("answer", self._node, id, answer))

    def goodbye(self, then: Callable[[], None]) -> None:
        """Leave nothing behind; `then` is called when nothing is."""

        def forgotten() -> None:
            self._publish(self._keys.everyone, _Note("gone", self._node))
            self._commands.plain("ZREM", self._keys.nodes, self._node, done=lambda reply: then())

        self._ledger.forget(self._node, frozenset(), forgotten, entirely=True)

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE * random.uniform(0.8, 1))
            self._renew(self._renewed)

    def _renew(self, done: Callable[[Any], Any]) -> None:
        self._commands.script(
            self._scripts.lease,
            (self._keys.nodes, self._keys.epoch),
            (self._node, int(self._lease_s * 1000), secrets.token_hex(8)),
            done,
        )

    def _renewed(self, reply: Any) -> None:
        now_ms, epoch, new = reply
        self._now_ms = int(now_ms)
        if epoch.decode() != self._epoch:
            self._on_break(RedisDown("redis has lost its memory"))
        elif new:
            self._on_break(RedisDown("the lease had ended"))
        else:
            keys, claim_ms = (self._keys.nodes, self._keys.burials), int(CLAIM_LEASES * self._lease_s * 1000)
            self._commands.script(self._scripts.claim, keys, (claim_ms,), self._bury)

    def _bury(self, nodes: Any) -> None:
        """Remove what processes held that have died. The claim is there for cost: several may be at it, since every
        step says something absolute."""
        for name in nodes:
            node = name.decode()

            def removed(reply: Any, node: str = node) -> None:
                if reply:
                    _log.warning("node did not come back, its members are removed", extra={"node": node})
                    self._publish(self._keys.everyone, _Note("gone", node))

            def forgotten(node: str = node, removed: Callable[[Any], None] = removed) -> None:
                keys = (self._keys.nodes, self._keys.burials)
                self._commands.script(self._scripts.buried, keys, (node,), removed)

            self._ledger.forget(node, frozenset(), forgotten, entirely=True)

    def _publish(self, channel: str, note: _Note) -> None:
        self._commands.script(self._scripts.note, (self._keys.nodes,), (channel, _encode(note)))
