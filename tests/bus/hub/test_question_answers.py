"""The broker's answers to questions."""

import msgspec

from revurb.bus.brokered import broker_messages as m
from revurb.bus.cache import EventCache
from revurb.bus.history_store import HistoryStore
from revurb.bus.hub.question_answers import Question, QuestionAnswers
from revurb.bus.ledger import Ledger
from revurb.pusher.history import HistoryBounds, HistoryPage, Position
from revurb.pusher.ports import CachedEvent, ChannelState, Member, PublishedEvent

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")


def answers() -> QuestionAnswers:
    ledger, cache = Ledger(), EventCache(lambda: 0.0)
    ledger.join("w1", APP, ROOM, ANN)
    ledger.set_count("w1", APP, ROOM, 3)
    ledger.set_count("w2", APP, "news", 1)
    ledger.add_connections("w1", APP, 1)
    cache.put(APP, "news", b"last", 60)
    history = HistoryStore("e", lambda: 0.0)
    history.keep(PublishedEvent(APP, "news", b"{}", number=1), HistoryBounds(1, 1, 1000))
    return QuestionAnswers(ledger, cache, history)


def test_every_question_is_answered_with_its_type() -> None:
    room, news = ChannelState(3, 1), ChannelState(1, 0, CachedEvent(b"last", 60))
    questions: list[tuple[Question, object]] = [
        (m.QueryStates(1, APP, ["news", ROOM, "none"]), [news, room, ChannelState()]),
        (m.QueryMembers(1, APP, ROOM), [ANN]),
        (m.QueryConnections(1, APP), 1),
        (m.Admit(1, APP, 1), False),
        (m.QueryHistory(1, APP, "news", None, 5), HistoryPage(Position("e", 1), [b"{}"])),
        (m.ForgetHistory(1, APP, "news"), True),
        (m.QueryHistory(1, APP, "news", Position("e", 1), 5), HistoryPage(Position("e", 1), [])),
    ]
    answering = answers()
    for question, answer in questions:
        assert answering.answer("w2", question) == answer
        msgspec.msgpack.encode(answer)


def test_channels_are_answered_one_by_one() -> None:
    steps = answers().channels(m.QueryChannels(1, APP, ""))
    states: dict[str, ChannelState] = {}
    count = 0
    try:
        while True:
            next(steps)
            count += 1
    except StopIteration as end:
        states = end.value
    assert count == 2
    assert states == {ROOM: ChannelState(3, 1), "news": ChannelState(1, 0, CachedEvent(b"last", 60))}
    [only] = [*answers().channels(m.QueryChannels(1, APP, "presence-"))]
    assert only is None


def test_who_is_admitted_is_counted() -> None:
    answering = answers()
    assert answering.answer("w2", m.Admit(1, APP, 2)) is True
    assert answering.answer("w2", m.Admit(2, APP, 2)) is False
    assert answering.answer("w1", m.QueryConnections(3, APP)) == 2
