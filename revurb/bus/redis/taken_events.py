"""The events that Redis has taken last, and has perhaps not passed on.

Redis answers the publisher before it writes to the subscribers, and to a replica. What it has answered since, it has
written out before. So if Redis is killed, or its replica takes over, the events of the newest pipeline may have reached
nobody although they are taken. They are published again in the next session: Redis knows their numbers if it has them,
and so does every node that has got them.

In a Cluster a pipeline says something of those servers only that had a part in it. There the events of the newest
pipeline of each partition are kept, for longer than it takes until every server is heard of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from revurb.bus.brokered.broker_messages import Publish
from revurb.pusher.history import EXPIRED, gap_text

KEPT_S = 3.0  # in a Cluster; each of its servers has a beat every 2.5 s
MAX_BYTES = 4 * 1024 * 1024  # the oldest are forgotten first


class _Taken(NamedTuple):
    pipeline: int
    at: float
    events: list[Publish]
    size_bytes: int


class TakenEvents:
    """Of one node, from one session to the next. Times are those of the event loop."""

    __slots__ = ("_again", "_bytes", "_newest", "_partitions", "_pipeline")

    def __init__(self) -> None:
        self._pipeline = 0
        self._newest: list[list[Publish]] = []  # the batches of that pipeline
        self._partitions: dict[int, _Taken] = {}  # in a Cluster; the one that was taken last is the last
        self._bytes = 0  # of those
        self._again: dict[int, Publish] = {}  # by number; of sessions that have ended

    def took(self, pipeline: int, events: list[Publish]) -> None:
        """The only server has taken these events, in the pipeline with that number; those before it are passed on."""
        if pipeline != self._pipeline:
            self._pipeline = pipeline
            self._newest.clear()
        self._newest.append(events)
        if self._again:
            self._take_again(events)

    def took_of_partition(
        self, partition: int, pipeline: int, events: list[Publish], size_bytes: int, now: float
    ) -> None:
        """The partition's server has taken these events, in the pipeline with that number."""
        if self._again:
            self._take_again(events)
        before = self._partitions.pop(partition, None)
        if before is not None:
            self._bytes -= before.size_bytes
            if before.pipeline == pipeline:
                events, size_bytes = before.events + events, size_bytes + before.size_bytes
        self._partitions[partition] = _Taken(pipeline, now, events, size_bytes)
        self._bytes += size_bytes
        while self._bytes > MAX_BYTES:
            self._bytes -= self._partitions.pop(next(iter(self._partitions))).size_bytes

    def session_ended(self, pipelines_done: int, now: float) -> None:
        """The session has ended, of which so many pipelines were answered: what is kept may have reached nobody."""
        kept = list(self._newest) if self._pipeline >= pipelines_done else []
        kept += [taken.events for taken in self._partitions.values() if now - taken.at <= KEPT_S]
        for events in kept:
            self._again.update((event.seq, event) for event in events)
        self._again = dict(sorted(self._again.items()))
        self._pipeline, self._bytes = 0, 0
        self._newest.clear()
        self._partitions.clear()

    def again(self) -> Sequence[Publish]:
        """What is to be published again, in order, before anything newer. The last events of cache channels are
        reported besides, by nodes that know whether they are still the last.

        In place of an event of a channel with history there is one that tells of a gap: who has got the event from a
        node that is gone would get it twice, behind those that others have published since."""
        return [
            msgspec.structs.replace(
                event,
                text=event.text if event.history is None else gap_text(event.channel, EXPIRED),
                cache_ttl_s=0,
            )
            for event in self._again.values()
        ]

    def forget(self) -> None:
        """Redis has them all, and its memory: what anybody lacks is in its logs."""
        self._again.clear()

    def _take_again(self, events: list[Publish]) -> None:
        if events[-1].seq >= next(reversed(self._again)):
            self._again.clear()
