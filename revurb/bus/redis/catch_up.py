"""Reading what came while nobody listened, out of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.envelope import StreamId, read_stream_id
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.keys import Keys

AT_ONCE = 1000  # events of one XRANGE


def catch_up(
    partitions: Iterable[int],
    keys: Keys,
    commands: CommandQueue,
    incoming: IncomingEvents,
    then: Callable[[], None],
) -> None:
    """Give `incoming` the logged events of each partition behind what has come already; `then` is called behind the
    last."""
    left = set(partitions)

    def read(number: int, start: StreamId) -> None:
        commands.plain(
            "XRANGE", keys.logs[number], f"{start.ms}-{start.number}", "+", "COUNT", AT_ONCE,
            done=lambda entries: got(number, entries),
        )  # fmt: skip

    def got(number: int, entries: Any) -> None:
        for stream_id, fields in entries:
            incoming.logged(number, stream_id, fields[1])
        if len(entries) == AT_ONCE:
            read(number, read_stream_id(entries[-1][0]).after())  # whatever was in the last one
            return
        left.discard(number)
        if not left:
            then()

    for number in tuple(left):
        read(number, incoming.newest(number).after())
    if not left:
        then()
