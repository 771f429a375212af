"""What metrics say while Redis is gone, and when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import api, connect
from tests.conftest import Need, Run
from tests.processes.serving import serving
from tests.processes.test_server_figures import APP, ENVIRONMENT, Values, asking, publish, until
from tests.redis_server import RedisServer


@pytest.fixture
def redis(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


@pytest.mark.parametrize("args", [(), ("--workers", "2")], ids=["alone", "workers"])
def test_an_outage_of_redis_is_seen(
    redis: RedisServer, tmp_path: Path, run: Run, args: tuple[str, ...]
) -> None:
    environment = {
        **ENVIRONMENT,
        "REVERB_SCALING_ENABLED": "true",
        "REDIS_URL": f"unix://{redis.socket}",
        "REVURB_SCALING_PROTOCOL": "auto",
    }
    processes = ["worker 0", "worker 1", "relay"] if args else ["node"]

    def connected(found: Values) -> list[float]:
        return [found["bus_connected", (process,)] for process in processes]

    async def main(port: int) -> None:
        async with asking(server) as connection:
            await until(connection, lambda v: connected(v) == [1] * len(processes))
            async with connect(port, APP.key) as client:
                await client.subscribe("a")
                await publish(port, 2)
                found = await until(connection, lambda v: v["bus_events_received_total", ()] >= 2)
                assert found["php_nodes", ()] == 0
                assert found["bus_topics", ()] == 1
                assert found["bus_lag_seconds", (processes[0],)] < 5
                await redis.kill()
                await until(connection, lambda v: connected(v) == [0] * len(processes))
                await api(port, APP, "POST", "/events", {"name": "e", "channel": "a", "data": "x"})
                await until(connection, lambda v: v["bus_waiting", ()] == 1)
                await redis.start()
                found = await until(connection, lambda v: connected(v) == [1] * len(processes))
                found = await until(connection, lambda v: v["bus_waiting", ()] == 0)
                assert found["bus_reconnects_total", ()] >= 1
                assert found["bus_dropped_total", ()] == found["bus_refused_total", ()] == 0

    with serving(tmp_path, *args, environment=environment) as server:
        run(main(server.port))


def test_what_cannot_be_used_is_counted(redis: RedisServer, tmp_path: Path, run: Run) -> None:
    environment = {**ENVIRONMENT, "REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{redis.socket}"}

    async def main() -> None:
        async with asking(server) as connection:
            await until(connection, lambda v: v["bus_connected", ("node",)] == 1)
            client = redis.client()
            try:
                await client.publish("reverb", "not PHP's")
                await until(connection, lambda v: v["bus_refused_total", ()] == 1)
            finally:
                await client.aclose()

    with serving(tmp_path, environment=environment) as server:
        run(main())
