"""The hub's facts and the worker that sends them."""

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.fact_duty import FACTS_PER_MESSAGE
from revurb.bus.hub import fact_desk
from revurb.bus.hub.fact_desk import FactDesk
from revurb.bus.hub.peer import FULL_BYTES, Peer
from revurb.pusher.facts import Fact, QueuedFact
from tests.bus.hub.memory_writer import MemoryWriter

APP = "app1"


class Worker(Peer):
    def __init__(self, desk: FactDesk, node: str, *, is_sending: bool = False) -> None:
        self.told = MemoryWriter()
        super().__init__(self.told, 0)
        self.node = node
        self.desk = desk
        desk.greeted(m.Hello(node, "", {}, [], [], [], wanted={APP: 1}, is_sending=is_sending))

    def heard(self) -> list[m.FromBroker]:
        self.desk.flush()
        messages = self.told.messages()
        self.told.written.clear()
        return messages

    def ready(self, *, is_sending: bool = False) -> list[m.FromBroker]:
        self.desk.ready(self, is_sending=is_sending)
        return self.heard()


def ids(messages: list[m.FromBroker]) -> list[str]:
    return [each.id for message in messages if isinstance(message, m.FactsTaken) for each in message.facts]


def a_fact(number: int = 1) -> Fact:
    return Fact("channel_occupied", APP, f"c{number}", number)


def test_one_worker_gets_the_facts_in_order() -> None:
    desk = FactDesk("e")
    desk.put(a_fact(1))
    first, second = Worker(desk, "w1"), Worker(desk, "w2")
    assert desk.wanted == {APP: 1}
    begun = first.ready()
    assert begun[0] == m.FactsBegin({})
    assert ids(begun) == ["e-1"]
    assert second.ready() == []
    desk.put(a_fact(2))
    desk.put(a_fact(3))
    assert ids(first.heard()) == ["e-2", "e-3"]
    assert second.heard() == []


def test_another_gets_what_is_not_done_when_it_has_gone_for_good() -> None:
    desk = FactDesk("e")
    first, second = Worker(desk, "w1"), Worker(desk, "w2")
    first.ready()
    second.ready()
    for number in range(3):
        desk.put(a_fact(number))
    first.heard()
    desk.done(["e-2", "unknown"])
    desk.keep("a", b"x")
    desk.keep("b", b"y")
    desk.keep("b", None)
    desk.disconnected(first)
    assert second.heard() == []  # it may come back
    desk.gone("w1")
    begun = second.heard()
    assert begun[0] == m.FactsBegin({"a": b"x"})
    assert ids(begun) == ["e-1", "e-3"]


def test_who_comes_back_goes_on_and_gets_what_it_has_missed() -> None:
    desk = FactDesk("e")
    first, second = Worker(desk, "w1"), Worker(desk, "w2")
    first.ready()
    second.ready()
    desk.put(a_fact(1))
    first.heard()
    desk.disconnected(first)
    desk.put(a_fact(2))
    again = Worker(desk, "w1", is_sending=True)
    assert again.heard() == []  # not before it has said what it has
    desk.held(again, [])
    assert ids(again.ready(is_sending=True)) == ["e-1", "e-2"]
    assert second.heard() == []


def test_what_the_sender_forgot_while_it_was_out_of_reach_is_forgotten() -> None:
    desk = FactDesk("e")
    first = Worker(desk, "w1")
    first.ready()
    for name in ("a", "b"):
        desk.keep(name, b"x")
    desk.disconnected(first)
    again = Worker(desk, "w1", is_sending=True)
    desk.keep("b", b"x")  # what it reports
    assert again.ready(is_sending=True) == []
    desk.gone("w1")
    assert Worker(desk, "w2").ready() == [m.FactsBegin({"b": b"x"})]


def test_who_has_given_up_meanwhile_makes_room() -> None:
    desk = FactDesk("e")
    first, second = Worker(desk, "w1"), Worker(desk, "w2")
    first.ready()
    second.ready()
    desk.disconnected(first)
    again = Worker(desk, "w1")
    again.ready(is_sending=False)
    assert m.FactsBegin({}) in second.heard()


def test_a_hub_that_replaces_another_leaves_it_to_who_sends_already() -> None:
    before = FactDesk("old")
    before.put(a_fact(1))
    before.put(a_fact(2))
    desk = FactDesk("new")
    first, sending = Worker(desk, "w1"), Worker(desk, "w2", is_sending=True)
    assert first.ready() == []
    desk.keep("a", b"x")
    desk.held(sending, [QueuedFact("old-1", a_fact(1))])
    assert sending.ready(is_sending=True) == []
    desk.put(a_fact(3))
    assert ids(sending.heard()) == ["new-1"]
    desk.gone("w2")
    begun = first.heard()
    assert begun[0] == m.FactsBegin({"a": b"x"})
    assert ids(begun) == ["old-1", "new-1"]


def test_facts_of_an_earlier_hub_come_first_for_the_next_sender_too() -> None:
    desk = FactDesk("new")
    first, sending = Worker(desk, "w1"), Worker(desk, "w2", is_sending=True)
    first.ready()
    desk.put(a_fact(3))  # before the sender has told what it has
    desk.held(sending, [QueuedFact("old-1", a_fact(1)), QueuedFact("old-2", a_fact(2))])
    assert ids(sending.ready(is_sending=True)) == ["new-1"]
    desk.done(["old-1"])
    desk.gone("w2")
    assert ids(first.heard()) == ["old-2", "new-1"]


def test_of_two_that_send_one_has_to_stop() -> None:
    desk = FactDesk("e")
    Worker(desk, "w1").ready()
    other = Worker(desk, "w2", is_sending=True)
    assert other.ready(is_sending=True) == [m.FactsEnd()]


def test_a_fact_that_a_worker_records_again_is_there_once() -> None:
    desk = FactDesk("e")
    for _ in range(2):
        desk.put(a_fact(), "w1-7")
    assert ids(Worker(desk, "w1").ready()) == ["w1-7"]


def test_a_fact_that_a_worker_records_again_when_it_is_done_does_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fact_desk, "MAX_RECORDERS", 2)
    desk = FactDesk("e")
    sender = Worker(desk, "w1")
    sender.ready()
    for node, number in (("w1", 1), ("w2", 1), ("w2", 2)):
        desk.record(node, number, a_fact(number))
    assert ids(sender.heard()) == ["w1-1", "w2-1", "w2-2"]
    desk.done(["w2-1", "w2-2"])
    desk.gone("w2")  # it was stopped, and comes back
    for number in (1, 2, 3):
        desk.record("w2", number, a_fact(number))
    assert ids(sender.heard()) == ["w2-3"]
    desk.record("w3", 1, a_fact(1))  # the place of w1, which has been silent for longest
    desk.record("w2", 3, a_fact(3))
    assert ids(sender.heard()) == ["w3-1"]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_desk, "MAX_FACT_BYTES", 1000)
    monkeypatch.setattr(fact_desk, "MAX_KEPT_BYTES", 10)
    desk = FactDesk("e")
    for number in range(10):
        desk.put(a_fact(number))
    assert desk.lost == 6
    assert len(desk) == 4
    desk.keep("a", b"x" * 8)
    desk.keep("b", b"y" * 8)
    desk.keep("a", b"z" * 10)
    begun = Worker(desk, "w1").ready()
    assert begun[0] == m.FactsBegin({"a": b"z" * 10})
    assert ids(begun) == ["e-7", "e-8", "e-9", "e-10"]


def test_a_worker_that_takes_nothing_is_sent_no_more() -> None:
    desk = FactDesk("e")
    worker = Worker(desk, "w1")
    worker.ready()
    for number in range(2 * FACTS_PER_MESSAGE):
        desk.put(a_fact(number))
    worker.told.unsent_bytes = FULL_BYTES + 1
    assert worker.heard() == []
    worker.told.unsent_bytes = 0
    assert len(ids(worker.heard())) == 2 * FACTS_PER_MESSAGE


class Answers(list[tuple[str, bool]]):
    """(node, whether it is the last) in the order of the answers."""


def leaving(desk: FactDesk, worker: Worker, answers: Answers) -> None:
    desk.leave(worker.node, lambda is_last: answers.append((worker.node, is_last)))
    desk.flush()


def test_who_stops_waits_only_if_nobody_stays() -> None:
    desk, answers = FactDesk("e"), Answers()
    first, second, third = (Worker(desk, f"w{number}") for number in (1, 2, 3))
    for worker in (first, second, third):
        worker.ready()
    leaving(desk, first, answers)
    leaving(desk, second, answers)
    assert answers == [("w1", False), ("w2", False)]
    leaving(desk, third, answers)  # the others have not gone yet, but will
    assert len(answers) == 2
    desk.gone("w1")
    desk.put(a_fact(1))
    desk.flush()
    assert len(answers) == 2
    desk.gone("w2")
    desk.flush()
    assert answers[2:] == [("w3", True)]
    assert ids(third.heard()) == ["e-1"]


def test_the_last_is_told_so_when_it_has_everything() -> None:
    desk, answers = FactDesk("e"), Answers()
    worker = Worker(desk, "w1")
    worker.ready()
    desk.put(a_fact(1))
    worker.told.unsent_bytes = FULL_BYTES + 1
    leaving(desk, worker, answers)
    assert not answers
    worker.told.unsent_bytes = 0
    desk.flush()
    assert answers == [("w1", True)]


def test_who_stays_takes_over_before_one_that_stops_too() -> None:
    desk, answers = FactDesk("e"), Answers()
    first, second, third = (Worker(desk, f"w{number}") for number in (1, 2, 3))
    for worker in (first, second, third):
        worker.ready()
    leaving(desk, second, answers)
    desk.gone("w1")
    assert second.heard() == []
    assert third.heard() == [m.FactsBegin({})]
