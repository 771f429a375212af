"""Reading from the log what was published while this node was not subscribed: the events of its topics, which Redis
picks out of each partition's log, slice by slice.

Looking at 100,000 events takes Redis 76 to 140 ms, and the node 7 if it wants a fiftieth of them; sending all takes
them 18 and 85. So who wants much of a partition gets all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.envelope import packed_topic, parse_stream_id
from revurb.bus.redis.incoming_events import IncomingEvents
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.scripts import Scripts

ENTRIES_PER_READ = 100  # events of one reply, and as many as may be in memory
ENTRIES_PER_LOOK = 500  # that Redis looks at for them: 0.5 ms
READS_AT_ONCE = 8
MAX_TOPICS_TOLD = 1000  # of a partition; who wants more gets all of it

Wanted: TypeAlias = Sequence[bytes] | None
"""Packed topics; None for everything."""


def catch_up(
    topics: Mapping[int, Sequence[ChannelKey]],
    keys: Keys,
    scripts: Scripts,
    commands: CommandQueue,
    incoming: IncomingEvents,
    then: Callable[[], None],
) -> None:
    """Pass to `incoming` the logged events of the topics of each partition after those that it has received. `then` is
    called after the last of them."""
    waiting, remaining = sorted(topics), set(topics)

    def read(number: int, wanted: Wanted) -> None:
        log, start = keys.logs[number], incoming.received(number)
        if wanted is None:
            commands.run_command(
                "XRANGE", log, f"({start.ms}-{start.number}", "+", "COUNT", ENTRIES_PER_READ,
                done=lambda entries: on_entries(number, entries),
                failed=lambda error: on_read(number, None, b"", 0),
            )  # fmt: skip
            return
        commands.run_script(
            scripts.read_log,
            (log,),
            (f"{start.ms}-{start.number}", ENTRIES_PER_READ, ENTRIES_PER_LOOK, *wanted),
            lambda reply: on_read(number, wanted, *reply),
            lambda error: on_read(number, wanted, b"", 0),
        )

    def on_entries(number: int, entries: Sequence[Any]) -> None:
        found = [part for stream_id, fields in entries for part in (stream_id, fields[1])]
        has_more = len(entries) == ENTRIES_PER_READ
        on_read(number, None, entries[-1][0] if entries else b"", has_more, *found)

    def on_read(number: int, wanted: Wanted, read_to: bytes, has_more: int, *found: bytes) -> None:
        for stream_id, event in zip(found[::2], found[1::2], strict=True):
            incoming.receive_logged(number, keys.logs[number], stream_id, event)
        if read_to:
            incoming.read_log_to(number, parse_stream_id(read_to))
        if has_more:
            is_much = len(found) == 2 * ENTRIES_PER_READ  # before Redis had looked at ENTRIES_PER_LOOK
            read(number, None if is_much else wanted)
            return
        remaining.discard(number)
        if waiting:
            read_next()
        elif not remaining:
            then()

    def read_next() -> None:
        number = waiting.pop()
        of_number = topics[number]
        read(number, None if len(of_number) > MAX_TOPICS_TOLD else [packed_topic(*key) for key in of_number])

    if not waiting:
        then()
    for _ in range(min(READS_AT_ONCE, len(waiting))):
        read_next()
