from __future__ import annotations

from collections.abc import Callable

import pytest

from revurb import App
from revurb.bus.local import LocalBus
from revurb.inspection.event_tap import (
    IDLE_S,
    IN_USE_S,
    MAX_ANSWER_BYTES,
    MAX_DATA_CHARS,
    MAX_EACH_SECOND,
    MAX_TAPS,
    RING_EVENTS,
    EventTaps,
    NoTapFree,
    SeenEvent,
    TapKey,
)
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.recorded_events import RecordingTrigger
from revurb.pusher.dispatch import Dispatch
from revurb.pusher.messages import client_event_text, event_text
from revurb.pusher.ports import PublishedEvent
from revurb.pusher.registry import Registry
from revurb.pusher.triggering import Trigger

APP = App(id="1", key="k", secret="s")
ALL = TapKey("1", "", "")


class Place:
    """A trigger and a bus with taps."""

    def __init__(self, make: Callable[[LocalBus], Trigger] = lambda bus: Trigger(bus, 60)) -> None:
        self.now_s = 1000.5
        self.bus = LocalBus(Dispatch(Registry()), MEMBER_EVENTS)
        self.trigger = make(self.bus)
        self.taps = EventTaps(self.trigger, self.bus, lambda: self.now_s)
        self.after: int | None = None
        self.skipped = 0

    def ask(self, key: TapKey = ALL, now: float = 0.0) -> list[SeenEvent]:
        found, self.after, self.skipped = self.taps.events(key, self.after, now)
        return found

    def send(self, event: str = "e", channel: str = "a", data: str = "x", app: App = APP) -> None:
        assert self.trigger.send(app, [channel], event, data, None) is None

    def whisper(self, event: str = "client-e", channel: str = "private-a", data: bytes = b'"x"') -> None:
        text = client_event_text(event, channel, data, None)
        self.bus.publish(PublishedEvent("1", channel, text, "1.2"))


def test_events_of_the_application_and_of_clients_are_seen_once() -> None:
    there = Place()
    assert there.ask() == []
    assert there.trigger.send(APP, iter(["a", "b", "a"]), "e", '{"n":1}', "3.4") is None
    assert there.trigger.send_text(APP, "c", event_text("f", "é", "c"), None) is None
    there.whisper(data=b'{"n":2}')
    there.whisper(data='"é"'.encode())
    assert there.ask() == [
        SeenEvent(1_000_500, ["a", "b"], "e", '{"n":1}', 7, "server", "3.4"),
        SeenEvent(1_000_500, ["c"], "f", "é", 2, "server"),
        SeenEvent(1_000_500, ["private-a"], "client-e", '{"n":2}', 7, "client", "1.2"),
        SeenEvent(1_000_500, ["private-a"], "client-e", "é", 2, "client", "1.2"),
    ]
    assert there.ask() == []
    assert there.skipped == 0


def test_what_is_no_text_is_refused_and_not_shown() -> None:
    there = Place()
    there.ask()
    with pytest.raises(TypeError, match="surrogates"):
        there.send(data="\ud800")
    assert there.ask() == []


def test_what_ends_a_user_is_no_event() -> None:
    there = Place()
    there.ask()
    there.bus.publish(PublishedEvent("1", "", b"7"))
    assert there.ask() == []


def test_nothing_is_on_the_way_when_nobody_looks() -> None:
    there = Place()
    untouched = dict(vars(there.trigger)), dict(vars(there.bus))
    there.ask(now=0.0)
    assert there.taps.is_open
    assert "send" in vars(there.trigger)
    assert "publish" in vars(there.bus)
    there.taps.tick(IDLE_S)
    assert there.taps.is_open
    there.ask(now=5.0)
    there.taps.tick(IDLE_S + 1)
    assert there.taps.is_open
    there.taps.tick(5.0 + IDLE_S + 1)
    assert (vars(there.trigger), vars(there.bus)) == untouched


def test_methods_that_were_the_objects_own_are_put_back() -> None:
    """As those of a bus over a broker are."""
    there = Place()
    published: list[PublishedEvent] = []
    own = published.append
    setattr(there.bus, "publish", own)  # noqa: B010
    there.ask()
    there.send()
    assert len(published) == 1
    there.taps.close()
    assert vars(there.bus)["publish"] is own


def test_a_trigger_that_records_goes_on() -> None:
    from collections import deque

    from revurb.node.recorded_events import SentEvent

    record: deque[SentEvent] = deque()
    there = Place(lambda bus: RecordingTrigger(bus, 60, record))
    there.ask()
    there.send()
    assert [event.event for event in there.ask()] == [event.event for event in record] == ["e"]


def test_filters() -> None:
    there = Place()
    keys = [TapKey("1", "orders", ""), TapKey("1", "", "*.created"), TapKey("1", "private-*", "client")]
    for key in keys:
        there.taps.events(key, None, 0.0)
    there.send("order.created", "my-orders")
    there.send("user.created", "users")
    there.send("order.created", "my-orders", app=App(id="2", key="k2", secret="s"))
    there.whisper("client-typing", "private-orders")
    there.whisper("client-typing", "presence-a")
    seen = [[(event.event, *event.channels) for event in there.taps.events(key, 0, 0.0)[0]] for key in keys]
    assert seen == [
        [("order.created", "my-orders"), ("client-typing", "private-orders")],
        [("order.created", "my-orders"), ("user.created", "users")],
        [("client-typing", "private-orders")],
    ]


def test_long_data_is_cut_and_its_size_told() -> None:
    there = Place()
    there.ask()
    there.send(data="é" * 5000)
    there.whisper(data=b'"%b"' % (b"x" * 5000))
    sent, whispered = there.ask()
    assert (len(sent.data), sent.data_bytes) == (MAX_DATA_CHARS, 10_000)
    assert (len(whispered.data), whispered.data_bytes) == (MAX_DATA_CHARS, 5000)


def test_only_so_many_of_a_second_are_kept_and_the_rest_is_counted() -> None:
    there = Place()
    there.ask()
    for _ in range(MAX_EACH_SECOND + 7):
        there.send()
    there.now_s += 1
    there.send("next")
    assert [event.event for event in there.ask()] == [*["e"] * MAX_EACH_SECOND, "next"]
    assert (there.after, there.skipped) == (MAX_EACH_SECOND + 8, 7)


def test_what_the_ring_has_lost_is_skipped() -> None:
    there = Place()
    there.ask()
    for _ in range(3 * MAX_EACH_SECOND):
        there.now_s += 0.01
        there.send()
    events = there.ask()
    assert len(events) == RING_EVENTS
    assert there.skipped == 3 * MAX_EACH_SECOND - RING_EVENTS


def test_an_answer_has_a_bound_and_the_rest_comes_next() -> None:
    there = Place()
    there.ask()
    for number in range(150):
        there.send(str(number), data="x" * 3000)
    first = there.ask()
    assert sum(len(event.data) for event in first) <= MAX_ANSWER_BYTES
    assert there.skipped == 0
    seen = [event.event for event in first]
    while more := there.ask():
        seen += [event.event for event in more]
        assert there.skipped == 0
    assert seen == [str(number) for number in range(150)]


def test_a_cursor_of_an_earlier_tap_is_none() -> None:
    there = Place()
    there.ask()
    there.after = 1000
    there.send()
    assert [event.event for event in there.ask()] == ["e"]
    assert (there.after, there.skipped) == (1, 0)


def test_filters_that_are_in_use_are_not_taken_away() -> None:
    there = Place()
    keys = [TapKey("1", str(number), "") for number in range(MAX_TAPS + 1)]
    for now in range(3):
        for key in keys[:-1]:
            there.taps.events(key, None, float(now))
        with pytest.raises(NoTapFree):
            there.taps.events(keys[-1], None, float(now))
    there.taps.events(keys[1], None, 2 + IN_USE_S)
    there.taps.events(keys[-1], None, 2 + IN_USE_S)
    assert len(there.taps._taps) == MAX_TAPS
    assert keys[0] not in there.taps._taps


@pytest.mark.parametrize("text", [b"nonsense", b'{"event":7}', b'{"data":1}'])
def test_what_is_no_client_event_is_passed_on_all_the_same(text: bytes) -> None:
    there = Place()
    there.ask()
    there.bus.publish(PublishedEvent("1", "a", text, "1.2"))
    assert there.ask() == []
