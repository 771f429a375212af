from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.relay.relayed_host import RelayedHost
from tests.conftest import Need, Run
from tests.redis_server import RedisServer


@pytest.fixture
def server(run: Run, need: Need, tmp_path: Path) -> Iterator[RedisServer]:
    """Not started yet, and gone when the test is."""
    server = RedisServer(need("redis-server"), tmp_path)
    yield server
    run(server.kill())


@pytest.fixture
def host(run: Run, server: RedisServer, tmp_path: Path) -> Iterator[RelayedHost]:
    """Its Redis runs, and its relay listens."""
    host = RelayedHost(server.client, str(tmp_path / "relay.sock"))
    run(server.start())
    run(host.start_relay())
    yield host
    run(host.close())
