from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.engines import Cluster, HubCluster, LocalCluster, OneOrMore, RedisCluster
from tests.conftest import Run
from tests.redis_server import RedisServer


@pytest.fixture(params=["local", "hub", "redis"])
def any_cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[OneOrMore]:
    """Every engine; tests with this one start a single process."""
    cluster = LocalCluster() if request.param == "local" else _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


@pytest.fixture(params=["hub", "redis"])
def cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Cluster]:
    """Every engine that connects processes."""
    cluster = _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


def _cluster(request: pytest.FixtureRequest, path: Path) -> Cluster:
    if request.param == "redis":
        return RedisCluster(RedisServer(request.getfixturevalue("need")("redis-server"), path))
    return HubCluster(path)
