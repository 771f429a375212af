from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

from revurb._speedups.fanout import Outbox

@disjoint_base
class PlainConnection(Outbox):
    """A connection's state, and its way in for plain input. `ClientConnection` is the whole of it."""

    _connections: Any
    _transport: Any
    _http: Any
    _handler: Any
    _ws: Any
    _held: Any
    wheel_tick: Any
    _heard_at: Any
    _pinged_at: Any
    def __new__(cls, connections: Any, *args: object, **kwargs: object) -> PlainConnection: ...
    @property
    def data_received(self) -> Callable[[bytes], None]:
        """Itself: the event loop keeps it."""
    def __call__(self, data: bytes, /) -> None:
        """Take bytes from the peer. The first ones go to `_read_http`, what is not plain to `_postpone`,
        `_handle_input` or `_receive`."""
    def seconds_since_sent(self) -> float | None:
        """How long ago data was last sent to the peer. None where that is not known here: TLS, Unix sockets, other
        systems. Takes 0.5 us, and makes no socket of the transport."""
