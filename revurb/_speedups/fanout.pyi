from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from typing_extensions import disjoint_base

from revurb._speedups.tally import Tally

FLUSH_BOUNDS_S: tuple[float, ...]

class _Sender(Protocol):
    def send(self, frame: bytes, /) -> None: ...

_S = TypeVar("_S", bound=_Sender)

@disjoint_base
class Fanout:
    """The outboxes of one event loop that have something to send.

    `wake` is called, once, when there is something to flush; it arranges for `flush` to be called soon. `limit_bytes`
    is for all outboxes and their transports together; see `is_full`.
    """

    transport_bytes: int
    """What the transports hold since the kernel did not take it. The owner sets it."""
    def __new__(cls, wake: Callable[[], object], limit_bytes: int = ...) -> Fanout: ...
    @property
    def has_long_outbox(self) -> bool:
        """Whether an outbox has got so long since the last flush that to wait for more makes nothing cheaper."""
    @property
    def queued_bytes(self) -> int:
        """What waits in the outboxes; a frame that waits in several counts in each."""
    @property
    def frames_total(self) -> int:
        """How many frames have been queued, in all outboxes together."""
    @property
    def sent_bytes_total(self) -> int:
        """The bytes of those that have been given to the kernel or to a transport."""
    @property
    def flush_times(self) -> Tally:
        """How long each `flush` took, in seconds, by FLUSH_BOUNDS_S."""
    @property
    def is_full(self) -> bool:
        """Whether more than `limit_bytes` waits in outboxes and transports. What is sent is queued all the same."""
    def flush(self, budget_s: float) -> bool:
        """Send what waits, for about `budget_s` seconds at the most: first replies and deliveries to few, then what
        large deliveries have sent, for at least a quarter of it. True if something is left: call again, after others
        had their turn. An exception of an owner's method comes out of here; the rest is still there."""

@disjoint_base
class Outbox:
    """The sending side of one connection: frames wait here until the next flush. To be inherited from.

    The owner attaches it when the connection can send, and detaches it before the descriptor is closed.
    """

    reply_bytes: int
    """What was given to `send`, and not to `deliver`, since the kernel last took all that waited. The owner may set it
    to 0 when the transport has become empty."""
    _pings: int
    _awaits_drain: int
    _is_new: int
    _state: int
    def __new__(cls, *args: object, **kwargs: object) -> Outbox: ...
    def attach(
        self, fanout: Fanout, fd: int, pack: Callable[[bytes], bytes] | None = None, is_empty: bool = False
    ) -> None:
        """Begin to send, directly to `fd` whenever that is safe; -1 for everything through the transport (TLS). If the
        transport `is_empty`, since it was given nothing yet, it is not asked.

        `pack`, if given, is asked for every frame what to send in its place: its compressed form, or the frame itself.
        It is called in the order in which frames are sent; it must be hashable."""
    def detach(self) -> None:
        """Forget the descriptor and what waits. The connection is lost, or is about to be."""
    def send(self, frame: bytes, /) -> None:
        """Send one finished frame after all before it, with the next flush. Dropped once shut or detached."""
    def shut(self) -> None:
        """Take nothing more. What waits is still sent."""
    def flush(self) -> None:
        """Send what waits now, before the transport is told to end."""
    def transport_is_empty(self) -> bool:
        """Whether the transport has nothing of its own to send. The owner implements it."""
    def write_to_transport(self, frames: list[bytes | memoryview], /) -> None:
        """Send these through the transport, in order. The owner implements it."""

def deliver(subscribers: dict[_S, Any], frame: bytes, skip: _S | None = None, /) -> int:
    """Send one frame to each key of a dict but `skip`; returns to how many. Outboxes are queued without any call to
    Python but one to each packer among them; other keys get their `send` called behind them."""
