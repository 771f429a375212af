"""What a node reports to Redis when a session begins: everything that it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.node_removal import NodeRemoval
from revurb.bus.redis.pace import Pace
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.resync_barrier import ResyncBarrier


async def report_state(
    hello: m.Hello,
    ledger: RedisLedger,
    removal: NodeRemoval,
    barrier: ResyncBarrier,
    pace: Pace,
    subscribe: Callable[[str, str], None],
    *,
    is_new_redis: bool,
) -> None:
    """Make the node's part of `ledger` what `hello` reports, at the `pace` that Redis and the event loop bear, and call
    `subscribe` for each of its channels. Nothing else may change the ledger meanwhile.

    With `is_new_redis` the ledger is empty: then no member is announced as joining, and members who left meanwhile are
    announced behind the barrier, when it is known who is still there.
    """
    held: set[ChannelKey] = {(report.app_id, report.channel) for report in hello.channels}
    held.update((app_id, "") for app_id in hello.connections)
    await asyncio.sleep(0)  # 5 ms were for 25,000 channels
    await removal.remove(hello.node, frozenset(held), entirely=False)
    for app_id, count in hello.connections.items():
        ledger.set_connections(app_id, count)
    for report in hello.channels:
        await pace.step()
        subscribe(report.app_id, report.channel)
        ledger.report_channel(
            report.app_id, report.channel, report.count, report.members, announce=not is_new_redis
        )
    for event in hello.cached:
        await pace.step()
        ledger.cache_event(event.app_id, event.channel, event.text, event.ttl_s)
    if is_new_redis:
        for departed in hello.departed:
            barrier.run(
                lambda departed=departed: ledger.announce_departed(  # type: ignore[misc]
                    departed.app_id, departed.channel, departed.member
                )
            )
