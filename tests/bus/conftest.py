import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.engines import Cluster, HubCluster, LocalCluster, OneOrMore, RedisCluster
from tests.conftest import Need, Run
from tests.redis_server import RedisClusterServers, RedisServer


@pytest.fixture(scope="module")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Iterator[RedisClusterServers]:
    """A Redis Cluster takes 2 s to make: one for all tests of a module."""
    program, cli = shutil.which("redis-server"), shutil.which("redis-cli")
    if program is None or cli is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("redis-server is not installed")
    servers = RedisClusterServers(program, cli, tmp_path_factory.mktemp("cluster"))
    yield servers
    run(servers.kill())


@pytest.fixture(params=["local", "hub", "redis", "redis-cluster"])
def any_cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[OneOrMore]:
    """Every engine; tests with this one start a single process."""
    cluster = LocalCluster() if request.param == "local" else _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


@pytest.fixture(params=["hub", "redis", "redis-cluster"])
def cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Cluster]:
    """Every engine that connects processes."""
    cluster = _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


def _cluster(request: pytest.FixtureRequest, path: Path) -> Cluster:
    if request.param == "hub":
        return HubCluster(path)
    need: Need = request.getfixturevalue("need")
    if request.param == "redis":
        return RedisCluster(RedisServer(need("redis-server"), path))
    return RedisCluster(request.getfixturevalue("redis_cluster"), shared=True)
