"""The wire format between a node and its broker: bytes that other versions have sent must stay readable."""

import msgspec
import pytest

from revurb.bus.brokered import broker_messages as m
from revurb.pusher.facts import Fact, QueuedFact
from revurb.pusher.history import HistoryBounds, Position, Replay, Resume
from revurb.pusher.ports import Member

ANN = Member("ann", b'"ann"', b"null")
FACT = Fact("client_event", "a", "private-c", 7, "ann", 0, "client-x", "{}", "1.2")
PACKED_FACT = ("client_event", "a", "private-c", 7, "ann", 0, "client-x", "{}", "1.2")
FROM_WORKER: list[tuple[m.FromWorker, list[object]]] = [
    (
        m.Hello(
            "n1",
            "e",
            {"a": 2},
            [m.ChannelReport("a", "c", 1, [ANN])],
            [m.CachedEventReport("a", "c", b"x", 5.0)],
            [m.DepartedMember("a", "c", ANN)],
            closed=[("a", "gone")],
            wanted={"a": 3},
            is_sending=True,
        ),
        [
            1,
            "n1",
            "e",
            {"a": 2},
            [["a", "c", 1, [list(ANN)], [], False, False]],
            [["a", "c", b"x", 5.0, 0]],
            [["a", "c", list(ANN), 0]],
            [],
            0,
            [["a", "gone"]],
            {"a": 3},
            True,
        ],
    ),
    (m.Publish(3, "a", "c", b"x", "1.1", 60), [2, 3, "a", "c", b"x", "1.1", 60, None]),
    (
        m.Publish(3, "a", "c", b"x", None, 0, HistoryBounds(5, 6, 7)),
        [2, 3, "a", "c", b"x", None, 0, [5, 6, 7]],
    ),
    (
        m.Enter(4, "a", "c", 1, ANN, b"added", True, False, 0, 100),
        [3, 4, "a", "c", 1, list(ANN), b"added", True, False, 0, 100, False, None],
    ),
    (
        m.Enter(4, "a", "c", 1, None, b"", False, False, 0, 0, True, Resume(Position("e", 5), "1.1", 6, 7)),
        [3, 4, "a", "c", 1, None, b"", False, False, 0, 0, True, [["e", 5], "1.1", 6, 7]],
    ),
    (m.QueryHistory(5, "a", "c", Position("e", 5), 6), [40, 5, "a", "c", ["e", 5], 6]),
    (m.ForgetHistory(5, "a", "c"), [41, 5, "a", "c"]),
    (m.MuchAppended(), [43]),
    (m.SubscriberCount("a", "c", 2), [4, "a", "c", 2]),
    (m.Leave("a", "c", 0, ANN), [5, "a", "c", 0, list(ANN), 0]),
    (m.Unsubscribe("a", "c"), [6, "a", "c"]),
    (m.ConnectionCount("a", -1, 4), [7, "a", -1, 4]),
    (m.Admit(5, "a", 100), [8, 5, "a", 100]),
    (m.CountHeld("a", "c", True), [30, "a", "c", True]),
    (m.CountTold("a", "", 7), [31, "a", "", 7]),
    (m.QueryChannels(6, "a", "pre"), [9, 6, "a", "pre"]),
    (m.QueryStates(7, "a", ["c"]), [10, 7, "a", ["c"]]),
    (m.QueryMembers(8, "a", "c"), [11, 8, "a", "c"]),
    (m.QueryConnections(9, "a"), [12, 9, "a"]),
    (m.StartSurvey(10, b"?"), [13, 10, b"?"]),
    (m.SurveyReply(11, b"!"), [14, 11, b"!"]),
    (m.RecordFact(1, FACT), [32, 1, list(PACKED_FACT)]),
    (m.FactsDone(4, ["i"]), [33, 4, ["i"]]),
    (m.KeepForSender(12, "n", b"v"), [34, 12, "n", b"v"]),
    (m.FactsHeld([QueuedFact("i", FACT)]), [35, [["i", list(PACKED_FACT)]]]),
    (m.FactsReady(True), [36, True]),
    (m.FactsLeave(13), [37, 13]),
    (m.FactsWanted("a", 3), [38, "a", 3]),
    (m.Goodbye(), [15]),
    (m.HeartbeatRequest(), [16]),
    (
        m.StatePart([m.ChannelReport("a", "c", 1, [], ["u"], True, True)], [], []),
        [17, [["a", "c", 1, [], ["u"], True, True]], [], [], []],
    ),
]
FROM_BROKER: list[tuple[m.FromBroker, list[object]]] = [
    (m.CountWanted("a", "c", 7), [30, "a", "c", 7]),
    (m.Welcome("e", 7), [1, "e", 7]),
    (m.BrokerEvent("n1", 3, "a", "c", b"x", None), [2, "n1", 3, "a", "c", b"x", None, 0]),
    (m.Accepted([1, 2]), [3, [1, 2], 0]),
    (
        m.EntrustedMembers("n2", [m.ChannelReport("a", "c", 0, [ANN])]),
        [24, "n2", [["a", "c", 0, [list(ANN)], [], False, False]]],
    ),
    (m.EnterReply(4, [ANN], b"x"), [4, 4, [list(ANN)], b"x", False, None]),
    (
        m.EnterReply(4, [], None, False, Replay(Position("e", 5), [b"x"], "limit")),
        [4, 4, [], None, False, [["e", 5], [b"x"], "limit"]],
    ),
    (m.QueryReply(5, msgspec.Raw(m.encode(True))), [5, 5, True]),
    (m.SurveyQuestion(6, b"?"), [6, 6, b"?"]),
    (m.SurveyResult(7, b"!"), [7, 7, b"!"]),
    (m.HeartbeatReply(), [8]),
    (m.NodeGone("n2"), [9, "n2"]),
    (m.EventsMissed(3), [11, 3, False]),
    (m.HubReady(), [12]),
    (m.FactsBegin({"n": b"v"}), [32, {"n": b"v"}]),
    (m.FactsTaken([QueuedFact("i", FACT)]), [33, [["i", list(PACKED_FACT)]]]),
    (m.FactsEnd(), [34]),
]


@pytest.mark.parametrize(("message", "wire"), FROM_WORKER, ids=lambda value: type(value).__name__)
def test_messages_of_workers(message: m.FromWorker, wire: list[object]) -> None:
    assert m.encode(message) == msgspec.msgpack.encode(wire)
    assert m.read_from_worker(msgspec.msgpack.encode(wire)) == message


@pytest.mark.parametrize(("message", "wire"), FROM_BROKER, ids=lambda value: type(value).__name__)
def test_messages_of_brokers(message: m.FromBroker, wire: list[object]) -> None:
    assert m.encode(message) == msgspec.msgpack.encode(wire)
    assert type(m.read_from_broker(msgspec.msgpack.encode(wire))) is type(message)


def test_the_kinds_of_member_events_have_the_numbers_of_earlier_releases() -> None:
    """Workers of two releases share a hub, and nodes a Redis, while they are replaced one by one."""
    assert (m.ADDED_MEMBERS, m.REMOVED_MEMBERS, m.BROKER_EVENTS) == (-1, -2, -3)


def test_what_an_earlier_release_leaves_out_is_of_the_only_partition_that_it_knew() -> None:
    for body, message in (
        ([3, [1]], m.Accepted([1], 0)),
        ([2, "n1", 3, "a", "c", b"x", None], m.BrokerEvent("n1", 3, "a", "c", b"x", None, 0)),
    ):
        assert m.read_from_broker(msgspec.msgpack.encode(body)) == message
    published = m.read_from_worker(msgspec.msgpack.encode([2, 3, "a", "c", b"x", None, 0]))
    assert published == m.Publish(3, "a", "c", b"x", None, 0)


def test_the_limit_of_members_is_unknown_to_earlier_releases() -> None:
    """One without it sends no limit, and one that is not told of a refusal has made none."""
    enter = m.read_from_worker(
        msgspec.msgpack.encode([3, 4, "a", "c", 1, list(ANN), b"added", True, False, 7])
    )
    assert enter == m.Enter(4, "a", "c", 1, ANN, b"added", True, False, 7, 0)
    assert m.read_from_broker(msgspec.msgpack.encode([4, 4, [], b"x"])) == m.EnterReply(4, [], b"x", False)
