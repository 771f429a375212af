"""The facts that the hub has made and that are not done, and the worker that sends them: one at a time, and another if
that one goes for good. While it is only disconnected it goes on for a while, so nobody takes its place before its lease
has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.fact_duty import FACTS_PER_MESSAGE, fact_bytes
from revurb.bus.hub.peer import Peer
from revurb.pusher.facts import Fact, QueuedFact

_log = logging.getLogger(__name__)

MAX_FACT_BYTES = 64 * 1024 * 1024
MESSAGES_PER_TURN = 4
MAX_RECORDERS = 1000
MAX_KEPT_BYTES = 16 * 1024 * 1024  # of what is kept for the next sender: 1,000 requests


class FactDesk:
    """`life` is different for each broker."""

    def __init__(self, life: str) -> None:
        self.wanted: dict[str, int] = {}  # by app, what any worker wants
        self.lost = 0  # facts for which there was no room
        self._life = life
        self._count = 0
        self._facts: dict[str, Fact] = {}  # the oldest first, but for:
        self._earlier: dict[str, None] = {}  # ids of those of an earlier broker, which come before all others
        self._bytes = 0
        self._unsent: dict[str, None] = {}  # those that the sender has not been sent
        self._recorded: dict[str, int] = {}  # by worker, gone or not, its newest; the longest silent first
        self._kept: dict[str, bytes] = {}
        self._kept_bytes = 0
        self._ready: dict[str, Peer] = {}  # those that can send
        self._sender = ""  # node; connected or not
        self._leaving: set[str] = set()  # those that stop
        self._asking: dict[str, Callable[[bool], None]] = {}  # of these, who is not answered yet

    def __len__(self) -> int:
        return len(self._facts)

    def put(self, fact: Fact, id: str = "") -> None:
        """Queue a fact."""
        if not id:
            self._count += 1
            id = f"{self._life}-{self._count}"
        elif id in self._facts:
            return
        self._facts[id] = fact
        self._unsent[id] = None
        self._bytes += fact_bytes(fact)
        if self._bytes > MAX_FACT_BYTES:
            if not self.lost:
                _log.error("facts are lost: too many wait", extra={"limit_bytes": MAX_FACT_BYTES})
            while self._bytes > MAX_FACT_BYTES:
                self.lost += 1
                self._forget(next(iter(self._facts)))

    def record(self, node: str, number: int, fact: Fact) -> None:
        """Queue a fact that a worker has decided, its `number` th. One that is not confirmed comes once more, perhaps
        when it is done."""
        if number > self._recorded.get(node, 0):
            self._recorded.pop(node, None)
            self._recorded[node] = number
            if len(self._recorded) > MAX_RECORDERS:
                del self._recorded[next(iter(self._recorded))]
            self.put(fact, f"{node}-{number}")

    def done(self, ids: Iterable[str]) -> None:
        """The sender is done with these."""
        for id in ids:
            self._forget(id)

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep this for the next sender."""
        self._kept_bytes -= len(self._kept.pop(name, b""))
        if value is not None and self._kept_bytes + len(value) <= MAX_KEPT_BYTES:
            self._kept[name] = value
            self._kept_bytes += len(value)

    def greeted(self, hello: m.Hello) -> None:
        """A worker has connected."""
        self.wanted.update(hello.wanted)
        self._ready.pop(hello.node, None)
        if hello.node == self._sender:
            self._unsent = self._all()
            # It reports all that is to be kept, and what it forgot while it was out of reach.
            if hello.is_sending:
                self._kept.clear()
                self._kept_bytes = 0
        if hello.is_sending and not self._sender:
            self._sender = hello.node

    def held(self, peer: Peer, facts: Iterable[QueuedFact]) -> None:
        """A worker has these of an earlier broker, or of this one."""
        for id, fact in facts:
            if id not in self._facts:
                self.put(fact, id)
                self._earlier[id] = None
            if peer.node == self._sender:
                self._unsent.pop(id, None)

    def ready(self, peer: Peer, *, is_sending: bool) -> None:
        """A worker can send, or is sending already."""
        self._ready[peer.node] = peer
        if is_sending and peer.node != self._sender:
            peer.send(m.FactsEnd())
        elif not is_sending and peer.node == self._sender:
            self._sender = ""  # it has given up meanwhile
        self._choose()

    def disconnected(self, peer: Peer) -> None:
        """A worker is out of reach, and may come back."""
        if self._ready.get(peer.node) is peer:
            del self._ready[peer.node]

    def gone(self, node: str) -> None:
        """A worker has gone for good."""
        self._ready.pop(node, None)
        self._leaving.discard(node)
        self._asking.pop(node, None)
        if node == self._sender:
            self._sender = ""
            self._choose()

    def leave(self, node: str, answer: Callable[[bool], None]) -> None:
        """A worker stops. `answer` is called with whether it is the last that can send: when another can, or when all
        others have gone and it has everything."""
        self._leaving.add(node)
        self._asking[node] = answer

    def flush(self) -> None:
        """Send some of what is unsent, and answer those that stop. To be called after each change."""
        self._send()
        if self._asking:
            others = self._ready.keys() - self._leaving
            for node in tuple(self._asking):
                if others or (self._ready.keys() <= {node} and not self._unsent):
                    self._asking.pop(node)(not others)

    def _send(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            peer = self._ready.get(self._sender)
            if not self._unsent or peer is None or peer.is_choked:
                return
            some = list(islice(self._unsent, FACTS_PER_MESSAGE))
            for id in some:
                del self._unsent[id]
            peer.send(m.FactsTaken([QueuedFact(id, self._facts[id]) for id in some]))

    def _choose(self) -> None:
        if not self._sender and self._ready:
            staying = (node for node in self._ready if node not in self._leaving)
            self._sender = next(staying, next(iter(self._ready)))
            peer = self._ready[self._sender]
            self._unsent = self._all()
            peer.send(m.FactsBegin(self._kept))

    def _all(self) -> dict[str, None]:
        """The ids of all facts, in their order."""
        return {**self._earlier, **dict.fromkeys(self._facts)}

    def _forget(self, id: str) -> None:
        fact = self._facts.pop(id, None)
        self._earlier.pop(id, None)
        if fact is not None:
            self._bytes -= fact_bytes(fact)
            self._unsent.pop(id, None)
