"""A node's part in facts, with a broker that is a list of messages."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered import fact_duty
from revurb.bus.brokered.broker_queries import BrokerQueries
from revurb.bus.brokered.fact_duty import ALONE_S, FACTS_PER_MESSAGE, FactDuty
from revurb.pusher.facts import Fact, QueuedFact

APP = "app1"


def queued(*numbers: int) -> list[QueuedFact]:
    return [
        QueuedFact(f"e-{number}", Fact("channel_occupied", APP, f"c{number}", number)) for number in numbers
    ]


class Node:
    """`sent` are its messages, `happened` what its sender was told."""

    def __init__(self, *, holds: bool) -> None:
        self.sent: list[m.FromWorker] = []
        self.happened: list[object] = []
        self.queries = BrokerQueries(self.sent.append)
        self.duty = FactDuty(self.queries, self.sent.append, holds=holds)
        self.duty.tell({APP: 1}, self)

    def begin(self, kept: Mapping[str, bytes]) -> None:
        self.happened.append(dict(kept))

    def take(self, facts: Sequence[QueuedFact]) -> None:
        self.happened.append([each.id for each in facts])

    def end(self) -> None:
        self.happened.append("end")

    def link(self) -> list[m.FromWorker]:
        """What it reports to a broker."""
        return list(self.duty.report())


async def test_it_sends_when_it_is_told_to() -> None:
    node = Node(holds=True)
    assert node.link() == [m.FactsReady(False)]
    node.duty.receive(m.FactsTaken(queued(1)))  # of an order that was taken back
    node.duty.receive(m.FactsBegin({"a": b"x"}))
    node.duty.receive(m.FactsTaken(queued(1, 2)))
    node.duty.receive(m.FactsTaken(queued(2, 3)))
    node.duty.done(["e-1"])
    node.duty.receive(m.FactsEnd())
    assert node.happened == [{"a": b"x"}, ["e-1", "e-2"], ["e-3"], "end"]
    assert node.sent == [m.FactsDone(1, ["e-1"])]


async def test_the_next_hub_gets_what_the_first_one_knew() -> None:
    node = Node(holds=True)
    node.link()
    node.duty.receive(m.FactsBegin({"a": b"x", "b": b"y"}))
    node.duty.receive(m.FactsTaken(queued(*range(FACTS_PER_MESSAGE + 2))))
    node.duty.done(["e-0"])
    node.duty.disconnected()
    node.duty.done(["e-1"])
    _ = node.duty.keep("b", None), node.duty.keep("c", b"z")
    ids = [each.id for each in queued(*range(2, FACTS_PER_MESSAGE + 2))]
    told = node.link()
    assert [each.ids for each in told if isinstance(each, m.FactsDone)] == [["e-1"]]
    assert told[1:3] == [m.KeepForSender(0, "a", b"x"), m.KeepForSender(0, "c", b"z")]
    assert [each.id for part in told if isinstance(part, m.FactsHeld) for each in part.facts] == ids
    assert told[-1] == m.FactsReady(True)
    assert node.happened[-1] != "end"


@pytest.mark.parametrize("holds", [True, False])
async def test_what_is_done_is_told_until_it_is_confirmed(holds: bool) -> None:
    node = Node(holds=holds)
    node.link()
    node.duty.receive(m.FactsBegin({}))
    node.duty.receive(m.FactsTaken(queued(1, 2)))
    node.duty.done(["e-1"])
    node.duty.done(["e-2"])
    _, second = node.sent
    node.queries.on_reply(1, msgspec.Raw(msgspec.msgpack.encode(True)))
    node.duty.disconnected()
    assert list(node.queries.unanswered()) == [second]
    node.queries.answer_locally()  # the broker stays away
    await asyncio.sleep(0)
    told = node.link()
    assert [each.ids for each in told if isinstance(each, m.FactsDone)] == [["e-2"]]
    assert not any(isinstance(each, m.FactsDone) for each in node.link())  # it is a question that is open


async def test_a_redis_keeps_everything_and_may_choose_another() -> None:
    node = Node(holds=False)
    node.link()
    node.duty.receive(m.FactsBegin({}))
    node.duty.receive(m.FactsTaken(queued(1)))
    node.duty.disconnected()
    assert node.happened[-1] == "end"
    assert node.link() == [m.FactsReady(False)]


async def test_without_a_hub_it_ends_before_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(holds=True)
    node.link()
    node.duty.receive(m.FactsBegin({}))
    node.duty.receive(m.FactsTaken(queued(1)))
    node.duty.disconnected()
    node.duty.tick()
    assert node.duty.is_sending
    monkeypatch.setattr(fact_duty, "ALONE_S", -1.0)
    node.duty.tick()
    assert node.happened[-1] == "end"
    assert node.link() == [m.FactsHeld(queued(1)), m.FactsReady(False)]


def test_a_hub_waits_longer_than_a_node() -> None:
    from revurb.processes.hub_socket import HUB_LEASE_S

    assert ALONE_S + 1 < HUB_LEASE_S


async def test_a_recorded_fact_is_told_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    node, (fact, other) = Node(holds=True), [each.fact for each in queued(1, 2)]
    node.link()
    node.duty.record(fact)
    node.duty.record(other)
    assert node.sent == [m.RecordFact(1, fact), m.RecordFact(2, other)]
    node.duty.confirmed(1)
    assert node.link() == [m.RecordFact(2, other), m.FactsReady(False)]
    node.duty.confirmed(2)
    assert node.link() == [m.FactsReady(False)]
    monkeypatch.setattr(fact_duty, "MAX_RECORDED_BYTES", 500)
    for _ in range(10):
        node.duty.record(fact)
    assert node.duty.recorded_lost == 8


async def test_what_is_recorded_in_the_middle_of_a_report_overtakes_nothing() -> None:
    node, (first, second, third) = Node(holds=True), [each.fact for each in queued(1, 2, 3)]
    node.duty.record(first)
    node.duty.record(second)
    report = node.duty.report()
    assert next(report) == m.RecordFact(1, first)
    node.duty.record(third)
    assert node.sent == []
    assert list(report) == [m.RecordFact(2, second), m.RecordFact(3, third), m.FactsReady(False)]
    node.duty.record(first)
    assert node.sent == [m.RecordFact(4, first)]
    node.duty.disconnected()
    node.duty.record(second)  # behind the next Hello, and before the report
    assert node.sent == [m.RecordFact(4, first)]


async def test_who_cannot_send_is_never_the_one_that_sends() -> None:
    sent: list[m.FromWorker] = []
    duty = FactDuty(BrokerQueries(sent.append), sent.append, holds=True)
    assert list(duty.report()) == []


async def test_a_hub_is_told_what_is_wanted_of_an_app_that_is_new() -> None:
    node, other = Node(holds=True), Node(holds=False)
    node.duty.want(APP, 3)  # the hub is told in the Hello
    for each in (node, other):
        each.link()
        each.duty.want(APP, 7)
    assert node.sent == [m.FactsWanted(APP, 7)]
    assert other.sent == []
