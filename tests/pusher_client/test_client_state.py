"""The states of a connection."""

from __future__ import annotations

import pytest

from revurb.pusher_client.client_state import TRANSITIONS, ClientState, StateChange, StateKeeper

CLOSED, CONNECTING = ClientState.CLOSED, ClientState.CONNECTING
CONNECTED, UNAVAILABLE = ClientState.CONNECTED, ClientState.UNAVAILABLE


def test_each_change_is_told_once_with_its_reason() -> None:
    told: list[StateChange] = []
    keeper = StateKeeper(told.append)
    keeper.become(CONNECTING)
    keeper.lost("refused")
    keeper.lost("refused again")
    keeper.become(CONNECTED)
    keeper.lost("4200")
    keeper.become(CLOSED)
    assert told == [
        StateChange(CLOSED, CONNECTING),
        StateChange(CONNECTING, UNAVAILABLE, "refused"),
        StateChange(UNAVAILABLE, CONNECTED),
        StateChange(CONNECTED, CONNECTING, "4200"),
        StateChange(CONNECTING, CLOSED),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [(a, b) for a in ClientState for b in ClientState if a is not b and b not in TRANSITIONS[a]],
)
def test_what_the_table_does_not_have_is_a_fault(before: ClientState, after: ClientState) -> None:
    keeper = StateKeeper(lambda change: None)
    keeper.state = before
    with pytest.raises(AssertionError):
        keeper.become(after)
