"""`--debug`: prints the messages of a session in both directions. Sessions without it have no cost."""

from __future__ import annotations

from revurb.observe.trace import MessageTrace
from revurb.pusher.session import Session
from revurb.transport.handlers import FrameSender


class TracedSession:
    """The WebSocketHandler of a connection and the Outlet of the session behind it: passes all calls on, and prints
    them to the trace."""

    __slots__ = ("_outlet", "_session", "_trace")

    def __init__(self, session: Session, trace: MessageTrace) -> None:
        self._session = session
        self._trace = trace

    @property
    def max_message_size_bytes(self) -> int:
        return self._session.max_message_size_bytes

    @property
    def ping_interval_s(self) -> float:
        return self._session.ping_interval_s

    def opened(self, outlet: FrameSender) -> None:
        self._outlet = outlet
        self._trace.note(
            self._session.socket_id, f"connected to app {self._session.app_state.app.id} from {outlet.peer}"
        )
        self._session.opened(self)

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        self._trace.received(self._session.socket_id, payload)
        self._session.on_message(opcode, payload, now)

    def on_control_frame(self) -> None:
        self._session.on_control_frame()

    def on_idle(self) -> None:
        self._session.on_idle()

    def on_still_idle(self) -> None:
        self._session.on_still_idle()

    def on_unresponsive(self) -> None:
        self._session.on_unresponsive()

    def closed(self) -> None:
        self._trace.note(self._session.socket_id, "disconnected")
        self._session.closed()

    # The session's Outlet.

    @property
    def peer(self) -> str:
        return self._outlet.peer

    def send(self, frame: bytes) -> None:
        self._trace.sent(self._session.socket_id, frame[_header_bytes(frame) :])
        self._outlet.send(frame)

    def ping(self) -> None:
        self._trace.note(self._session.socket_id, "ping frame sent")
        self._outlet.ping()

    def close(self, code: int, reason: str = "") -> None:
        self._trace.note(self._session.socket_id, f"closing with {code} {reason}".rstrip())
        self._outlet.close(code, reason)


def _header_bytes(frame: bytes) -> int:
    """The length of a server frame's header (RFC 6455 5.2; server frames have no mask)."""
    return {126: 4, 127: 10}.get(frame[1], 2)
