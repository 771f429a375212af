"""Workers that are away: who keeps their members for the next hub, and what that makes of them."""

from __future__ import annotations

import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub import absent_workers
from revurb.bus.hub.absent_workers import AbsentWorkers
from revurb.bus.hub.peer import ConnectedPeers, Peer
from revurb.bus.ledger import Ledger
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import APP
from tests.bus.hub.memory_writer import MemoryWriter
from tests.bus.hub.worker import Worker, a_broker
from tests.pusher.room import Clock

LEASE_S = 5
ROOM = "presence-room"
ANN, BOB = Member("ann", b'"ann"', b"null"), Member("bob", b'"bob"', b"null")
OF_DEAD = m.EntrustedMembers("dead", [m.ChannelReport(APP, ROOM, 0, [ANN, BOB])])
FORGET_DEAD = m.EntrustedMembers("dead", [])


class Hub:
    """Its broker. The one before had the epoch "before", if `expected_workers` are to come from it."""

    def __init__(self, *, expected_workers: int = 0) -> None:
        self.clock = Clock()
        self.broker = a_broker(self.clock, lease_s=LEASE_S, expected_workers=expected_workers)

    def worker(self, node: str, *members: Member) -> Worker:
        """One that has had no broker."""
        return Worker(self.broker, node, ROOM, members=members)

    def survivor(self, node: str, *members: Member, entrusted: tuple[m.EntrustedMembers, ...] = ()) -> Worker:
        """One that had the broker before."""
        return Worker(self.broker, node, ROOM, epoch="before", members=members, entrusted=entrusted)

    def lose(self, worker: Worker) -> None:
        self.broker.disconnected(worker.peer)
        self.broker.steps.go_on()  # as the server has it

    def end_lease(self, *alive: Worker) -> None:
        self.clock.now += LEASE_S
        for worker in alive:
            worker.send(m.HeartbeatRequest())
        self.broker.tick()


def entrusted_to(worker: Worker) -> list[m.EntrustedMembers]:
    return [each for each in worker.received() if isinstance(each, m.EntrustedMembers)]


def removed(*members: Member) -> list[bytes]:
    return [MEMBER_EVENTS.removed(ROOM, member) for member in members]


def test_another_worker_keeps_the_members_until_the_worker_is_back() -> None:
    hub = Hub()
    keeper, dead, other = hub.worker("keeper"), hub.worker("dead", ANN, BOB), hub.worker("other")
    hub.lose(dead)
    assert entrusted_to(keeper) == [OF_DEAD]
    hub.broker.tick()
    assert entrusted_to(keeper) == []  # once
    Worker(hub.broker, "dead", ROOM, epoch=hub.broker.epoch, members=(ANN, BOB))
    assert entrusted_to(keeper) == [FORGET_DEAD]
    assert entrusted_to(other) == []


def test_a_keeper_that_goes_has_a_successor() -> None:
    hub = Hub()
    keeper, dead, other = hub.worker("keeper"), hub.worker("dead", ANN, BOB), hub.worker("other")
    hub.lose(dead)
    hub.lose(keeper)
    assert entrusted_to(other) == [OF_DEAD]
    hub.worker("dead", ANN, BOB)
    assert entrusted_to(other) == [FORGET_DEAD]


def test_each_worker_that_is_away_is_given_once() -> None:
    hub = Hub()
    keeper, dead, carl = (
        hub.worker("keeper"),
        hub.worker("dead", ANN, BOB),
        Member("carl", b'"carl"', b"null"),
    )
    others = [hub.worker("dead 2", carl), hub.worker("dead 3", carl)]
    for worker in (dead, *others):
        hub.lose(worker)
    of_others = [
        m.EntrustedMembers(node, [m.ChannelReport(APP, ROOM, 0, [carl])]) for node in ("dead 2", "dead 3")
    ]
    assert entrusted_to(keeper) == [OF_DEAD, *of_others]


def test_a_keeper_is_one_that_takes_what_it_is_sent() -> None:
    hub = Hub()
    slow, dead = hub.worker("slow"), hub.worker("dead", ANN, BOB)
    slow.writer.unsent_bytes = 1
    hub.lose(dead)
    hub.broker.tick()
    assert entrusted_to(slow) == []
    slow.writer.unsent_bytes = 0
    hub.broker.tick()
    assert entrusted_to(slow) == [OF_DEAD]


def test_the_next_hub_buries_who_does_not_come() -> None:
    hub = Hub(expected_workers=2)
    keeper = hub.survivor("keeper", entrusted=(OF_DEAD,))
    other = hub.survivor("other", ANN)
    assert entrusted_to(keeper) == [OF_DEAD]  # for the next but one
    hub.broker.tick()
    assert other.received()[1:] == []  # but a welcome
    hub.end_lease(keeper, other)
    assert keeper.texts() == other.texts() == removed(BOB)  # Ann is still there
    hub.end_lease(keeper, other)
    assert keeper.received() == other.received() == [m.HeartbeatReply()]  # nothing is said again


@pytest.mark.parametrize("first", ["keeper", "dead"])
def test_who_comes_to_the_next_hub_was_never_away(first: str) -> None:
    hub = Hub(expected_workers=2)
    if first == "keeper":
        keeper = hub.survivor("keeper", entrusted=(OF_DEAD,))
    dead = hub.survivor("dead", ANN)  # and Bob is gone, as it has told the hub before
    if first == "dead":
        keeper = hub.survivor("keeper", entrusted=(OF_DEAD,))
    texts = removed(BOB) if first == "keeper" else []
    assert keeper.texts() == texts
    hub.end_lease(keeper, dead)
    assert keeper.texts() == []
    assert entrusted_to(keeper) == []


def test_what_a_keeper_that_comes_late_has_of_a_known_worker_is_old() -> None:
    hub = Hub()
    dead, other = hub.survivor("dead", ANN), hub.survivor("other")
    hub.lose(dead)
    late = hub.survivor("late", entrusted=(OF_DEAD,))
    hub.end_lease(late, other)
    assert other.texts() == removed(ANN)


def test_so_it_is_of_one_that_has_been_here_meanwhile() -> None:
    hub = Hub(expected_workers=2)
    keeper, other = hub.survivor("keeper", entrusted=(OF_DEAD,)), hub.survivor("other")
    dead = hub.survivor("dead", ANN)
    hub.lose(dead)
    late = hub.survivor("late", entrusted=(OF_DEAD,))
    assert other.texts() == removed(BOB)
    hub.end_lease(keeper, other, late)
    assert other.texts() == removed(ANN)


def test_a_keeper_whose_line_was_cut_tells_its_hub_nothing_new() -> None:
    hub = Hub()
    keeper = hub.worker("keeper")
    keeper = Worker(hub.broker, "keeper", ROOM, epoch=hub.broker.epoch, entrusted=(OF_DEAD,))
    hub.end_lease(keeper)
    assert keeper.texts() == []


class Parts:
    """What a keeper gets of 50 members, with parts of two."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        in_a_part = (20 + len("presence-0")) + 2 * (20 + len("u0000") + len('"u"') + len("null"))
        monkeypatch.setattr(absent_workers, "PART_BYTES", in_a_part)
        ledger, peers = Ledger(), ConnectedPeers()
        self.members = [Member(f"u{number:04}", b'"u"', b"null") for number in range(50)]
        for number, member in enumerate(self.members):
            ledger.join("dead", APP, f"presence-{number // 10}", member)
        self.absent = AbsentWorkers(ledger, peers, Clock(), LEASE_S)
        self.writer = MemoryWriter()
        keeper, dead = Peer(self.writer, 0), Peer(MemoryWriter(), 0)
        keeper.node, dead.node = "keeper", "dead"
        peers["keeper"] = keeper
        self.absent.add(dead)
        self.dead_too = Peer(MemoryWriter(), 0)
        self.dead_too.node = "dead too"

    def kept(self) -> list[Member]:
        parts = [each for each in self.writer.messages() if isinstance(each, m.EntrustedMembers)]
        return [member for part in parts for report in part.channels for member in report.members]


def test_many_members_are_given_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(monkeypatch)
    assert len(list(parts.absent.entrust())) == len(parts.members) + 1
    assert len(parts.writer.written) == 25
    assert sorted(parts.kept()) == parts.members
    assert parts.absent.all_are_kept


def test_the_rest_is_not_given_of_a_worker_that_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(monkeypatch)
    steps = parts.absent.entrust()
    for _ in range(10):
        next(steps)
    parts.absent.came_back("dead")
    assert list(steps) == []
    assert parts.writer.messages()[-1] == FORGET_DEAD


def test_who_is_buried_before_its_turn_is_given_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(monkeypatch)
    parts.absent.add(parts.dead_too)
    steps = parts.absent.entrust()
    next(steps)
    parts.absent.buried("dead too")
    assert len(list(steps)) == len(parts.members)
    assert parts.absent.all_are_kept


def test_what_is_kept_of_one_worker_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(absent_workers, "MAX_ENTRUSTED_BYTES", 500)
    parts = Parts(monkeypatch)
    for _ in parts.absent.entrust():
        pass
    assert 5 < len(parts.kept()) < 20
    assert [record.levelname for record in caplog.records] == ["WARNING"]
