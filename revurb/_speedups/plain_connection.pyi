from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

from revurb._speedups.fanout import Fanout, Outbox
from revurb._speedups.wheel import Wheel

HTTP: int
OPEN: int
CLOSING: int
LOST: int

@disjoint_base
class ConnectionBook:
    """What connections share that a plain one needs. `Connections` is the whole of it."""

    fanout: Fanout
    wheel: Wheel
    http: dict[Any, None]
    websockets: dict[Any, None]
    limits: Any
    counters: Any
    welcome: Callable[[bytes], Any] | None
    descriptor_of: Callable[[Any], int]
    """The descriptor of a transport; -1 with TLS."""
    buffered: dict[Any, Any]
    """The connections whose transports hold something."""
    draining: bool
    is_stopped: bool

@disjoint_base
class PlainConnection(Outbox):
    """A connection's state, and its way from the first byte to the last, if all is plain. `ClientConnection` is the
    whole of it, and implements what is left to it."""

    _connections: Any
    _transport: Any
    _http: Any
    _handler: Any
    _ws: Any
    _held: Any
    wheel_tick: dict[Any, None] | None
    _heard_at: Any
    _pinged_at: Any
    def __new__(cls, connections: ConnectionBook, *args: object, **kwargs: object) -> PlainConnection: ...
    @property
    def data_received(self) -> Callable[[bytes], None]:
        """Itself: the event loop keeps it."""
    def __call__(self, data: bytes, /) -> None:
        """Take bytes from the peer. The first ones go to `ConnectionBook.welcome`, and then to `_read_http`; what is
        not plain to `_postpone`, `_handle_input` or `_receive`."""
    def connection_made(self, transport: Any, /) -> None:
        """Enter the connection in the book, as one that speaks HTTP."""
    def become_websocket(self, handler: Any, pack: Callable[[bytes], bytes] | None, is_empty: bool) -> None:
        """Enter it as a WebSocket, which speaks to `handler`. `pack` and `is_empty` are as `Outbox.attach` has them."""
    def connection_lost(self, exc: Exception | None, /) -> None:
        """Strike it out, and tell the handler; `_lose` does that where there is more to it."""
    def seconds_since_sent(self) -> float | None:
        """How long ago data was last sent to the peer. None where that is not known here: TLS, Unix sockets, other
        systems. Takes 0.5 us, and makes no socket of the transport."""
