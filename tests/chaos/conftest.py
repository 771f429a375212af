from __future__ import annotations

import functools
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bus.redis_engines import RedisCluster, RelayedCluster
from tests.chaos.clocks import ClockOffset
from tests.chaos.storm import MakeCluster
from tests.conftest import Need
from tests.node_program import node_program as node_program
from tests.redis_server import RedisServer


@pytest.fixture
def server(need: Need, tmp_path: Path) -> RedisServer:
    return RedisServer(need("redis-server"), tmp_path)


@pytest.fixture(params=["own", "relay"])
def make_cluster(request: pytest.FixtureRequest, tmp_path: Path) -> MakeCluster:
    """Makes a cluster of nodes that have connections of their own to a Redis, or of the workers of two hosts."""
    if request.param == "own":
        return RedisCluster
    return functools.partial(RelayedCluster, path=tmp_path, hosts=2)


@pytest.fixture(scope="session")
def clock_offset(need: Need, tmp_path_factory: pytest.TempPathFactory) -> ClockOffset:
    """The environment of a process whose clock is so many seconds ahead of the host's, or behind if below 0."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([need("cc"), "-shared", "-fPIC", "-O1", "-o", library, source], check=True)

    def environ(seconds: int) -> Mapping[str, str]:
        return {"LD_PRELOAD": str(library), "CLOCK_APART_S": str(seconds)} if seconds else {}

    return environ
