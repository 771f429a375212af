"""What a process tells a Redis when its link is new: all that it holds."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.ledger import Key
from revurb.bus.redis.redis_ledger import RedisLedger

When = Callable[[Callable[[], None]], None]


def tell_all(hello: m.Hello, ledger: RedisLedger, another: bool, when_settled: When) -> None:
    """Make `ledger` say what the process holds and nothing else. `another` Redis than before knows nothing: nobody has
    come then, and those who have left meanwhile are told of when it is known who is there."""
    held: set[Key] = {(topic.app_id, topic.channel) for topic in hello.topics}
    held.update((app_id, "") for app_id in hello.connections)
    ledger.forget(hello.node, frozenset(held), lambda: None, entirely=False)
    for topic in hello.topics:
        ledger.reassert(topic.app_id, topic.channel, topic.count, topic.members, tell=not another)
    for app_id, count in hello.connections.items():
        ledger.set_connections(app_id, count)
    for event in hello.remembered:
        ledger.remember(event.app_id, event.channel, event.text, event.ttl_s)
    if another:
        for departed in hello.departed:
            when_settled(
                lambda departed=departed: ledger.depart(  # type: ignore[misc]
                    departed.app_id, departed.channel, departed.member
                )
            )
