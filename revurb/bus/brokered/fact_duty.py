"""A node's part in facts: it records those that it decides itself, and sends all when the broker tells it to.

A hub's facts are in its memory only. So the node that sends keeps them too, and reports them to the next hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_queries import BrokerQueries
from revurb.pusher.facts import Fact, FactSender, QueuedFact, WantedFacts

FACTS_PER_MESSAGE = 500  # 1 ms
MAX_RECORDED_BYTES = 4 * 1024 * 1024  # of facts that no broker has confirmed
FACT_BYTES = 200  # of a fact, besides its texts
# Without a broker, after which another node may have been told to send. A hub's lease is longer.
ALONE_S = 3.0


class FactDuty:
    """A `revurb.pusher.facts.FactQueue`. `send` gives a message to the broker, or drops it while the broker cannot be
    reached. `holds` is whether the broker may lose the facts that this node has taken."""

    def __init__(self, queries: BrokerQueries, send: Callable[[m.FromWorker], None], *, holds: bool) -> None:
        self._queries = queries
        self._send = send
        self._holds = holds
        self.wanted: WantedFacts = {}
        self._sender: FactSender | None = None
        self.is_sending = False
        self.recorded_lost = 0  # facts of this node for which there was no room
        self._loop = asyncio.get_running_loop()
        self._unlinked_at: float | None = self._loop.time()
        self._taken: dict[str, Fact] = {}
        self._kept: dict[str, bytes] = {}
        self._done: list[str] = []  # while the broker was away
        self._recorded: dict[int, Fact] = {}  # not confirmed
        self._recorded_bytes = 0
        self._number = 0  # of the last one
        self._has_told = False  # all of these, so that the next one may follow

    def tell(self, wanted: WantedFacts, sender: FactSender) -> None:
        """Facts are `wanted`, and `sender` can send them."""
        self.wanted, self._sender = wanted, sender

    def record(self, fact: Fact) -> None:
        """Queue a fact that this node has decided. When more than MAX_RECORDED_BYTES wait for a broker, the oldest are
        lost."""
        self._number += 1
        self._recorded[self._number] = fact
        self._recorded_bytes += fact_bytes(fact)
        while self._recorded_bytes > MAX_RECORDED_BYTES:
            self.recorded_lost += 1
            self.confirmed(next(iter(self._recorded)))
        if self._has_told and self._number in self._recorded:
            self._send(m.RecordFact(self._number, fact))

    def confirmed(self, number: int) -> None:
        """The broker has the fact with that number."""
        fact = self._recorded.pop(number, None)
        if fact is not None:
            self._recorded_bytes -= fact_bytes(fact)

    # What the sender asks for.

    def done(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._taken.pop(id, None)
        if self._unlinked_at is None:
            self._send(self._done_message(list(ids)))
        else:
            self._done += ids

    def _done_message(self, ids: list[str]) -> m.FactsDone:
        """A question, as it must not be lost where what was kept about these facts is forgotten: a broker that has them
        still would have them sent once more, under another id."""
        id = self._queries.next_id()
        message = m.FactsDone(id, ids)
        self._queries.ask(message, id, _read_nothing, lambda: self._done.extend(ids), _later)
        return message

    def keep(self, name: str, value: bytes | None) -> Awaitable[None]:
        if self._holds:
            if value is None:
                self._kept.pop(name, None)
            else:
                self._kept[name] = value
        id = self._queries.next_id()
        return self._queries.ask(m.KeepForSender(id, name, value), id, _read_nothing, lambda: None)

    def want(self, app_id: str, wanted: int) -> None:
        if self._holds and self._unlinked_at is None:
            self._send(m.FactsWanted(app_id, wanted))

    async def leave(self, timeout_s: float) -> bool:
        if not self._holds or self._sender is None or self._unlinked_at is not None:
            return False
        id = self._queries.next_id()
        answer = self._queries.ask(m.FactsLeave(id), id, m.read_bool, lambda: self.is_sending)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            return False

    # What the broker says.

    def receive(self, message: m.FactsBegin | m.FactsTaken | m.FactsEnd) -> None:
        """Begin, go on or end sending."""
        sender = self._sender
        if sender is None:
            return
        match message:
            case m.FactsBegin(kept):
                self.end()
                self.is_sending = True
                if self._holds:
                    self._kept = dict(kept)
                sender.begin(kept)
            case m.FactsTaken(facts) if self.is_sending:
                new = [each for each in facts if each.id not in self._taken]
                if self._holds:
                    self._taken.update(new)
                sender.take(new)
            case m.FactsEnd():
                self.end()
                self._taken.clear()
                self._kept.clear()

    def end(self) -> None:
        """Send nothing any more: another node does, or the node stops."""
        if self.is_sending and self._sender is not None:
            self.is_sending = False
            self._sender.end()

    def disconnected(self) -> None:
        """The broker is out of reach."""
        self._has_told = False
        if self._unlinked_at is None:
            self._unlinked_at = self._loop.time()
        if not self._holds:
            self.end()

    def tick(self) -> None:
        """End in time, if the broker stays away. To be called a few times a second."""
        if self._unlinked_at is not None and self._loop.time() - self._unlinked_at > ALONE_S:
            self.end()

    def report(self) -> Iterator[m.FromWorker]:
        """What a broker is told behind the `Hello`."""
        self._unlinked_at = None
        number = next(iter(self._recorded), self._number + 1)
        # Those that are recorded meanwhile too: they must not overtake the others.
        while number <= self._number:
            fact = self._recorded.get(number)
            if fact is not None:
                yield m.RecordFact(number, fact)
            number += 1
        self._has_told = True
        if self._sender is None:
            return
        ids, self._done = self._done, []
        for start in range(0, len(ids), FACTS_PER_MESSAGE):
            yield self._done_message(ids[start : start + FACTS_PER_MESSAGE])
        if self._holds:
            for name in tuple(self._kept):
                if name in self._kept:
                    yield m.KeepForSender(0, name, self._kept[name])
            held = iter(tuple(self._taken))
            while some := list(islice(held, FACTS_PER_MESSAGE)):
                yield m.FactsHeld([QueuedFact(id, self._taken[id]) for id in some if id in self._taken])
        yield m.FactsReady(self.is_sending)


def fact_bytes(fact: Fact) -> int:
    """About how many bytes a fact takes."""
    return FACT_BYTES + len(fact.channel) + len(fact.user_id) + len(fact.event) + len(fact.data)


def _later(message: m.FromWorker, send: Callable[[], None]) -> None:
    """Whoever asks sends the question."""


def _read_nothing(value: object) -> None:
    """The answer says only that it is done."""
