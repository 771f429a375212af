"""The state of a client's connection, and what it may become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum


class ClientState(Enum):
    """`CONNECTING`: the first attempt, or the next one after a connection that held. `UNAVAILABLE`: an attempt has
    failed, and others follow. `CLOSED`: not started, closed, or refused for good."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNAVAILABLE = "unavailable"


_CLOSED, _CONNECTING = ClientState.CLOSED, ClientState.CONNECTING
_CONNECTED, _UNAVAILABLE = ClientState.CONNECTED, ClientState.UNAVAILABLE

TRANSITIONS: Mapping[ClientState, frozenset[ClientState]] = {
    _CLOSED: frozenset({_CONNECTING}),
    _CONNECTING: frozenset({_CONNECTED, _UNAVAILABLE, _CLOSED}),
    _CONNECTED: frozenset({_CONNECTING, _CLOSED}),
    _UNAVAILABLE: frozenset({_CONNECTED, _CLOSED}),
}


@dataclass(frozen=True, slots=True)
class StateChange:
    """`reason` is why, in a few words, where the connection was lost or an attempt failed."""

    previous: ClientState
    current: ClientState
    reason: str = ""


class StateKeeper:
    """Holds the state, and tells each change of it once."""

    def __init__(self, tell: Callable[[StateChange], None]) -> None:
        self.state = ClientState.CLOSED
        self._tell = tell

    def become(self, state: ClientState, reason: str = "") -> None:
        """Enter the state, unless it is the present one."""
        previous = self.state
        if state is previous:
            return
        assert state in TRANSITIONS[previous], (previous, state)
        self.state = state
        self._tell(StateChange(previous, state, reason))

    def lost(self, reason: str) -> None:
        """A connection that held is lost, or an attempt has failed."""
        self.become(_CONNECTING if self.state is _CONNECTED else _UNAVAILABLE, reason)
