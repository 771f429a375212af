"""What a node reports to Redis when a session begins: everything that it holds."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.node_removal import NodeRemoval
from revurb.bus.redis.pace import Pace
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.resync_barrier import ResyncBarrier


class ReportedState:
    """The parts that have come so far, and at last the `Hello`, with which it is complete."""

    __slots__ = ("cached", "closed", "connections", "report")

    def __init__(self) -> None:
        self.report = NodeReport()
        self.cached: list[m.CachedEventReport] = []
        self.connections: dict[str, int] = {}
        self.closed: list[ChannelKey] = []

    def add(self, part: m.StatePart | m.Hello) -> None:
        """Add a part. What it reports again replaces what was reported before."""
        self.report.add(part)
        self.cached += part.cached
        if isinstance(part, m.Hello):
            self.connections, self.closed = part.connections, part.closed

    def holds(self, key: ChannelKey) -> bool:
        """Whether the node has subscribers of the channel; of "" whether it has connections of the app."""
        return key in self.report.channels or (not key[1] and key[0] in self.connections)


async def report_state(
    node: str,
    state: ReportedState,
    ledger: RedisLedger,
    removal: NodeRemoval,
    barrier: ResyncBarrier,
    pace: Pace,
    subscribe: Callable[[str, str], None],
    *,
    is_new_redis: bool,
) -> None:
    """Make the part of `node` in `ledger` what `state` says, which is used up, at the `pace` that Redis and the event
    loop bear, and call `subscribe` for each of its channels. Nothing else may change the ledger meanwhile.

    With `is_new_redis` the ledger is empty: then no member is announced as joining, and members who left meanwhile are
    announced behind the barrier, when it is known who is still there.
    """
    channels = state.report.channels
    await removal.remove(node, state.holds, entirely=False)
    for app_id, count in state.connections.items():
        await pace.step()
        ledger.set_connections(app_id, count)
    for key in tuple(channels):
        await pace.step()
        report = channels.pop(key)  # to let go of all at once would take long
        subscribe(report.app_id, report.channel)
        ledger.report_channel(
            report.app_id,
            report.channel,
            report.count,
            report.members,
            announce=not is_new_redis,
            is_new=report.is_new,
        )
    for event in state.cached:
        await pace.step()
        ledger.cache_event(event.app_id, event.channel, event.text, event.ttl_s)
    if is_new_redis:
        for closed in state.closed:
            await pace.step()
            barrier.run(lambda closed=closed: ledger.tell_vacated(*closed))  # type: ignore[misc]
        for departed in state.report.departed:
            await pace.step()
            barrier.run(
                lambda departed=departed: ledger.announce_departed(  # type: ignore[misc]
                    departed.app_id, departed.channel, departed.member
                )
            )
