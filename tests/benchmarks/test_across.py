"""What is measured on a Redis: that a server, its subscribers and a bus that receives can be had, and are charged."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import uvloop
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.load.across import medians, table
from benchmarks.load.broker import broker
from benchmarks.load.far_side import APP_ID, CHANNEL, listeners, receiving_bus, subscribers
from benchmarks.load.meter import Meter
from revurb.bus.redis.keys import Keys


@pytest.fixture(autouse=True)
def _redis(need: Callable[[str], str]) -> None:
    need("redis-server")


def test_subscribers_are_subscribed() -> None:
    with broker() as one, subscribers(one, 3):
        channel = Keys("revurb").topic(APP_ID, CHANNEL).channel

        async def count() -> int:
            async with cast("AsyncRedis", one.client()) as client:
                ((_, found),) = await client.pubsub_numsub(channel)
                return int(found)

        assert uvloop.run(count()) == 3


def test_a_bus_receives() -> None:
    said: dict[str, float] = {}
    with broker() as one, receiving_bus(one, said) as pid:
        assert pid > 0
    assert said == {}  # no event had a stamp


def test_each_connection_of_a_listening_process_is_subscribed() -> None:
    with broker() as one, listeners(one, 5) as pid:
        assert pid > 0
        with Redis.from_url(f"redis://127.0.0.1:{one.port}", protocol=2) as client:
            assert client.publish(Keys("revurb").topic(APP_ID, CHANNEL).channel, "x") == 5


def test_what_a_block_does_is_charged_to_who_did_it() -> None:
    with broker() as one:
        meter = Meter(one)

        async def ping() -> None:
            async with cast("AsyncRedis", one.client()) as client:
                async with meter.of("ping", 500, traffic=True):
                    for _ in range(500):
                        await client.ping()

        uvloop.run(ping())
    found = meter.figures
    assert found["ping.node_us"] > 0
    assert found["ping.redis_us"] > 0
    assert found["ping.redis_in_bytes"] == pytest.approx(14, abs=3)  # `*1 $4 PING`


def test_medians_are_of_the_rounds_that_have_the_figure() -> None:
    found = medians([{"lease.node_us": 1.0, "once": 5.0}, {"lease.node_us": 3.0}, {"lease.node_us": 2.0}])
    assert found == {"lease.node_us": 2.0, "once": 5.0}
    assert "| a lease renewed, every 2.25 s | 2.0 us |  |  |" in table(found)
