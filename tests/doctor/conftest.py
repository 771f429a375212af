"""A Redis server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Need, Run
from tests.redis_server import RedisServer


@pytest.fixture
def server(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())
