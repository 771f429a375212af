"""The place of a client in the history of a channel, without a connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from revurb.pusher_client.channel_positions import UNKNOWN, UNSUPPORTED, ChannelPositions
from revurb.pusher_client.received_message import ReceivedMessage

A, B, C = "1.1", "2.2", "3.3"  # connections, one after the other


def confirmation(**more: Any) -> ReceivedMessage:
    return ReceivedMessage("pusher_internal:subscription_succeeded", "room", "{}", more)


def event(position: str | None) -> ReceivedMessage:
    return ReceivedMessage("e", "room", "{}", {} if position is None else {"id": position})


def failure(reason: object, id: str | None = None) -> ReceivedMessage:
    fields = {} if id is None else {"id": id}
    return ReceivedMessage("pusher:resume_failed", "room", json.dumps({"reason": reason}), fields)


def at(position: str, is_cache: bool = False) -> ChannelPositions:
    """A channel that was subscribed to on A, and whose connection is lost."""
    positions = ChannelPositions(is_cache)
    assert positions.resume() is None
    assert positions.confirmed(confirmation(id=position), A) is None
    positions.lost()
    return positions


def test_a_channel_without_history_has_no_position() -> None:
    positions = ChannelPositions()
    assert positions.confirmed(confirmation(), A) is None
    assert positions.received(event(None), A)
    assert positions.received(event(None), A)
    positions.lost()
    assert positions.resume() is None
    assert positions.confirmed(confirmation(), B) is None
    assert positions.untold_gap() is None


def test_the_confirmation_is_the_first_position() -> None:
    assert at("e-0").resume() == {"id": "e-0", "socket_id": A}


def test_events_move_it_and_repeats_do_not() -> None:
    positions = at("e-5")
    assert [positions.received(event(f"e-{number}"), A) for number in (6, 9, 9, 7, 10)] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert positions.position == "e-10"


def test_of_another_epoch_nothing_is_a_repeat() -> None:
    positions = at("e-5")
    assert positions.received(event("f-1"), A)
    assert positions.position == "f-1"


@pytest.mark.parametrize("text", ["", "e", "e-", "-1", "E-1", "e-01", "e--1", "e-1 ", "e" * 17 + "-1"])
def test_what_is_no_position_is_none(text: str) -> None:
    positions = ChannelPositions()
    assert positions.received(event(text), A)
    assert positions.position is None


def test_what_was_missed_comes_before_the_position_moves() -> None:
    positions = at("e-5")
    assert positions.resume() == {"id": "e-5", "socket_id": A}
    assert positions.confirmed(confirmation(id="e-8", resumed=True), B) is None
    assert positions.received(event("e-6"), B)
    positions.lost()  # in the middle of it
    assert positions.resume() == {"id": "e-6", "socket_id": A}
    assert positions.confirmed(confirmation(id="e-8", resumed=True), C) is None
    assert positions.received(event("e-7"), C)
    assert positions.received(event("e-8"), C)
    assert not positions.is_catching_up
    assert positions.resume() == {"id": "e-8", "socket_id": C}


def test_an_answer_says_that_the_rest_excluded_this_client() -> None:
    positions = at("e-5")
    positions.resume()
    positions.confirmed(confirmation(id="e-8", resumed=True), B)
    assert positions.received(event("e-6"), B)
    assert positions.is_catching_up
    positions.answered(B)
    assert positions.resume() == {"id": "e-8", "socket_id": B}


def test_a_newer_event_says_so_too() -> None:
    positions = at("e-5")
    positions.resume()
    positions.confirmed(confirmation(id="e-8", resumed=True), B)
    assert positions.received(event("e-11"), B)
    assert positions.resume() == {"id": "e-11", "socket_id": B}


def test_an_answer_on_a_channel_that_has_everything_changes_nothing() -> None:
    positions = at("e-5")
    positions.answered(B)
    assert positions.resume() == {"id": "e-5", "socket_id": A}


def test_nothing_was_missed() -> None:
    positions = at("e-5")
    positions.resume()
    assert positions.confirmed(confirmation(id="e-5", resumed=True), B) is None
    assert not positions.is_catching_up
    assert positions.resume() == {"id": "e-5", "socket_id": B}


@pytest.mark.parametrize(
    ("reason", "told"), [("expired", "expired"), ("epoch", "epoch"), (None, UNKNOWN), (7, UNKNOWN)]
)
def test_a_gap_is_told_with_the_reason_of_the_server(reason: object, told: str) -> None:
    positions = at("e-5")
    positions.resume()
    assert positions.confirmed(confirmation(id="f-3", resumed=False), B) is None
    assert positions.gap_before(failure(reason)) == told
    assert positions.gap_before(event("f-4")) is None
    assert positions.received(event("f-4"), B)
    assert positions.position == "f-4"


def test_gaps_with_nothing_between_them_are_one() -> None:
    positions = at("e-5")
    assert positions.gap_before(failure("expired", "e-6")) == "expired"
    assert positions.gap_before(failure("expired", "e-7")) is None
    assert positions.position == "e-7"
    assert positions.gap_before(failure("expired", "e-7")) is None  # a repeat
    assert positions.received(event("e-8"), A)
    assert positions.gap_before(failure("expired", "e-8")) is None  # an old one
    assert positions.gap_before(failure("expired", "e-9")) == "expired"
    assert positions.gap_before(failure("limit")) is None
    positions.confirmed(confirmation(id="f-3"), B)
    assert positions.gap_before(failure("limit")) == "limit"


def test_a_gap_without_a_reason_is_told_before_the_next_event() -> None:
    positions = at("e-5")
    positions.resume()
    positions.confirmed(confirmation(id="f-3", resumed=False), B)
    assert positions.gap_before(event("f-4")) == UNKNOWN
    assert positions.untold_gap() is None


def test_a_gap_without_a_reason_is_told_when_the_connection_ends() -> None:
    positions = at("e-5")
    positions.resume()
    positions.confirmed(confirmation(id="f-3", resumed=False), B)
    assert positions.untold_gap() == UNKNOWN
    assert positions.resume() == {"id": "f-3", "socket_id": B}


def test_a_history_that_is_out_of_reach_leaves_no_position() -> None:
    positions = at("e-5")
    positions.resume()
    assert positions.confirmed(confirmation(resumed=False), B) is None
    assert positions.gap_before(failure("unavailable")) == "unavailable"
    assert positions.resume() is None


def test_without_a_position_nobody_knows_what_was_missed_by_the_next_connection() -> None:
    positions = ChannelPositions()
    assert positions.confirmed(confirmation(resumed=False), A) is None
    positions.lost()
    assert positions.resume() is None
    assert positions.confirmed(confirmation(resumed=False), B) == "unavailable"
    positions.lost()
    assert positions.confirmed(confirmation(id="e-5"), C) == "unavailable"
    positions.lost()
    assert positions.resume() == {"id": "e-5", "socket_id": C}


def test_an_event_is_the_position_of_a_channel_that_was_without() -> None:
    positions = at("e-5")
    positions.resume()
    positions.confirmed(confirmation(resumed=False), B)
    positions.gap_before(failure("unavailable"))
    assert positions.received(event("e-7"), B)
    positions.lost()
    assert positions.resume() == {"id": "e-7", "socket_id": B}
    assert positions.confirmed(confirmation(id="e-7", resumed=True), C) is None


def test_a_server_without_history_is_a_gap() -> None:
    positions = at("e-5")
    positions.resume()
    assert positions.confirmed(confirmation(), B) == UNSUPPORTED
    assert positions.resume() is None


def test_another_epoch_cannot_have_been_resumed() -> None:
    positions = at("e-5")
    positions.resume()
    assert positions.confirmed(confirmation(id="f-5", resumed=True), B) is None
    assert positions.gap_before(event("f-6")) == UNKNOWN


def test_the_last_event_of_a_cache_channel_is_no_repeat() -> None:
    positions = ChannelPositions(is_cache=True)
    positions.confirmed(confirmation(id="e-5"), A)
    assert positions.received(event("e-4"), A)
    assert positions.position == "e-5"
    assert not positions.received(event("e-4"), A)


@pytest.mark.parametrize(("last", "is_new"), [("e-5", False), ("e-6", True)])
def test_after_a_gap_the_last_event_of_a_cache_channel_may_be_one_that_came(last: str, is_new: bool) -> None:
    positions = at("e-5", is_cache=True)
    positions.resume()
    positions.confirmed(confirmation(id="e-9", resumed=False), B)
    assert positions.gap_before(failure("limit")) == "limit"
    assert positions.received(event(last), B) is is_new
    assert positions.position == "e-9"


def test_what_was_resumed_has_no_last_event() -> None:
    positions = at("e-5", is_cache=True)
    positions.resume()
    positions.confirmed(confirmation(id="e-5", resumed=True), B)
    assert not positions.received(event("e-5"), B)
