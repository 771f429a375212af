from collections.abc import Callable
from typing import Generic, TypeVar, final

_E = TypeVar("_E")

@final
class EventChannels(Generic[_E]):
    """The channels, as pairs of app id and name, whose events a process wants of a `SharedLog`. Of each it gets what
    `make` returns for app id, channel, text, the id of the socket that is not to get it or None, and the seconds for
    which it is to be kept as the channel's last; and, if the channel has history, for how much of that is kept (size,
    ttl_s, app_bytes), and the position. Then the text has that in it (`placed`).

    `taken` counts the events that it got, `invalid` those that could not be read.
    """

    taken: int
    invalid: int

    def __new__(cls, make: Callable[..., _E], epoch: bytes = b"") -> EventChannels[_E]: ...
    def placed(self, text: bytes, position: int, /) -> bytes:
        """The JSON of an event with its id, `EPOCH-POSITION`, as the last member."""

    def __contains__(self, key: tuple[str, str], /) -> bool: ...
    def __len__(self) -> int: ...
    def add(self, key: tuple[str, str], /) -> bool:
        """Returns whether it was not there."""

    def remove(self, key: tuple[str, str], /) -> bool:
        """Returns whether it was there."""
