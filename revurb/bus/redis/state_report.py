"""What a node reports to Redis when a session begins: everything that it holds."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.resync_barrier import ResyncBarrier


def report_state(hello: m.Hello, ledger: RedisLedger, barrier: ResyncBarrier, *, is_new_redis: bool) -> None:
    """Make the node's part of `ledger` what `hello` reports.

    With `is_new_redis` the ledger is empty: then no member is announced as joining, and members who left meanwhile are
    announced behind the barrier, when it is known who is still there.
    """
    held: set[ChannelKey] = {(report.app_id, report.channel) for report in hello.channels}
    held.update((app_id, "") for app_id in hello.connections)
    ledger.remove_node_state(hello.node, frozenset(held), lambda: None, entirely=False)
    for report in hello.channels:
        ledger.report_channel(
            report.app_id, report.channel, report.count, report.members, announce=not is_new_redis
        )
    for app_id, count in hello.connections.items():
        ledger.set_connections(app_id, count)
    for event in hello.cached:
        ledger.cache_event(event.app_id, event.channel, event.text, event.ttl_s)
    if is_new_redis:
        for departed in hello.departed:
            barrier.run(
                lambda departed=departed: ledger.announce_departed(  # type: ignore[misc]
                    departed.app_id, departed.channel, departed.member
                )
            )
