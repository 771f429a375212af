"""Reading from the log what was published while this node was not subscribed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.envelope import StreamId, parse_stream_id
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.keys import Keys

ENTRIES_PER_READ = 100  # events of one XRANGE: 1 ms, and as many events as may be in memory
READS_AT_ONCE = 8


def catch_up(
    partitions: Iterable[int],
    keys: Keys,
    commands: CommandQueue,
    incoming: IncomingEvents,
    then: Callable[[], None],
) -> None:
    """Pass to `incoming` the logged events of each partition after those that it has received. `then` is called after
    the last of them."""
    waiting, remaining = sorted(partitions), set(partitions)

    def read(number: int, start: StreamId) -> None:
        commands.run_command(
            "XRANGE", keys.logs[number], f"{start.ms}-{start.number}", "+", "COUNT", ENTRIES_PER_READ,
            done=lambda entries: on_entries(number, entries),
            failed=lambda error: on_entries(number, ()),
        )  # fmt: skip

    def on_entries(number: int, entries: Any) -> None:
        for stream_id, fields in entries:
            incoming.receive_logged(number, keys.logs[number], stream_id, fields[1])
        if len(entries) == ENTRIES_PER_READ:
            read(number, parse_stream_id(entries[-1][0]).after())  # also if the last entry was invalid
            return
        remaining.discard(number)
        if waiting:
            read_next()
        elif not remaining:
            then()

    def read_next() -> None:
        number = waiting.pop()
        read(number, incoming.received(number).after())

    if not waiting:
        then()
    for _ in range(min(READS_AT_ONCE, len(waiting))):
        read_next()
