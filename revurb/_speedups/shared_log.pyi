from collections.abc import Sequence
from typing import Self, TypeVar, final, overload

from revurb._speedups.log_events import EventChannels

_E = TypeVar("_E")

def topic_bucket(app_id: str, channel: str, /) -> int:
    """The number, below 65,536, by which a topic is known in a `SharedLog`; several topics may have the same."""

@final
class SharedLog:
    """Memory that processes share, behind the descriptor `fd`: of a new log, if `slots` is given, for so many processes
    at a time. `wake_fds` are what each slot is woken through: an eventfd, or what is read and written like it. Raises
    OSError if the memory cannot be used, and ValueError unless there is one descriptor for each slot.

    `places`, a multiple of 8, is for how many records, and `ring_bytes`, a multiple of 64 and at most 64 MiB, for how
    many bytes of one process, there is room before the oldest is overwritten.

    `cursor` is the position up to which this process has read. `token` names the process as the target of records.
    `missed` counts the records that were overwritten before this process had read them, wanted or not; those of which
    the place was not overwritten, only while it has topics, or if they had a flag or a target. `has_to_wake` is whether
    somebody wants what was appended since the last `wake`.
    """

    cursor: int
    token: int
    missed: int

    def __new__(
        cls, fd: int, wake_fds: Sequence[int], *, slots: int = 0, places: int = 0, ring_bytes: int = 0
    ) -> Self: ...
    @property
    def tail(self) -> int:
        """The position of the newest record; 0 if there is none."""

    @property
    def has_to_wake(self) -> bool: ...
    @property
    def max_record_bytes(self) -> int: ...
    @property
    def has_unread(self) -> bool:
        """Whether anything was appended that this process has not read, wanted or not."""

    def attach(self, pid: int, flags: int = 0, *, wake: bool = True) -> int:
        """Read what is appended from now on: records that have one of `flags`, or a topic that is added. Returns the
        slot. Without `wake` the process is never woken. Raises OSError if all slots are taken."""

    def detach(self) -> None:
        """Read nothing any more. What was appended stays."""

    def free(self, pid: int) -> None:
        """A process has ended, perhaps without `detach`."""

    def add_topic(self, bucket: int, /) -> None:
        """Read the records of a topic. As often as it was added, it has to be removed."""

    def remove_topic(self, bucket: int, /) -> None: ...
    def append(self, data: bytes, bucket: int, flags: int = 0, target: int = 0, only: int = 0) -> int:
        """Append a record for those that want it; with a `target`, for the process with that token alone. `wake` has to
        follow. Returns its position; with `only`, 0 if that is not the next one. Raises ValueError if it is too
        large."""

    def append_event(
        self,
        app_id: str,
        channel: str,
        text: bytes,
        except_socket_id: str | None = None,
        cache_ttl_s: int = 0,
        flags: int = 0,
        kept: tuple[int, int, int] | None = None,
        /,
    ) -> int:
        """Append an event for those that want its channel, or one of `flags`. If the channel has history, `kept` is how
        much of it is kept: size, ttl_s, app_bytes. `wake` has to follow. `wants_own` is
        then whether this process does, or a channel of the same bucket. Returns the position. Raises ValueError if the
        event is too large, or a name is no text."""

    @property
    def wants_own(self) -> bool: ...
    def append_again(self, only: int) -> int:
        """The same for a record for which `append` has just returned 0. Raises ValueError if there is none."""

    def wake(self) -> None:
        """Wake those that sleep and want what was appended since the last call."""

    def take(self, position: int, /) -> bool:
        """Count the record at `position` as read, if everything before it is, or is not wanted and not very much."""

    def woken(self) -> None:
        """To be called when the descriptor of this slot can be read, before everything is read."""

    @overload
    def read(self, max_records: int, own: int = 0, channels: None = None) -> list[bytes | None]:
        """The next records that this process wants, in order; None for the one at the position `own`. Events are what
        `channels` makes of them, if they are of one or flagged; without `channels` they are bytes too. The list may be
        empty and there still be more (`has_unread`)."""

    @overload
    def read(self, max_records: int, own: int, channels: EventChannels[_E]) -> list[bytes | _E | None]: ...
