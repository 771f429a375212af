import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.bus.redis import partition_agreement
from revurb.bus.redis.keys import PARTITIONS
from tests.bus.engines import LEASE_S, Cluster, HubCluster, LocalCluster, NodeGroup
from tests.bus.redis_engines import RedisCluster, RelayedCluster
from tests.chaos.storm import LONG
from tests.conftest import Need, Run
from tests.redis_server import RedisClusterServers, RedisServer, Sentinels

# A test process that stands still for a lease has nodes that bury each other, as in life: 0.7 s were enough to have who
# stayed told of as gone. The clock of the hub stands still with them.
PATIENT_LEASE_S = 2 * LEASE_S
RELAYED = {"relay": 2, "relay-host": 1}  # the number of hosts
_ENGINES = ["hub", "redis", "redis-cluster", "redis-sentinel", *RELAYED, "relay-cluster"]


@pytest.fixture(scope="session")
def redis_cluster(need: Need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterServers]:
    """A Redis Cluster takes 2 s to make: one for all tests."""
    path = tmp_path_factory.mktemp("cluster")
    servers = RedisClusterServers(need("redis-server"), need("redis-cli"), path, has_standby=True)
    yield servers
    asyncio.run(servers.close())


@pytest.fixture(scope="session")
def redis_sentinels(need: Need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    """A server, a replica and a Sentinel take 1 s: once for all tests."""
    servers = Sentinels(need("redis-server"), need("redis-cli"), tmp_path_factory.mktemp("sentinel"))
    yield servers
    asyncio.run(servers.kill())


@pytest.fixture(params=["local", "hub", "redis", "redis-cluster", "redis-sentinel", "relay"])
def any_cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[NodeGroup]:
    """Every engine; the tests that use it start a single node."""
    cluster = LocalCluster() if request.param == "local" else _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


@pytest.fixture(params=_ENGINES if LONG else [name for name in _ENGINES if name != "relay-host"])
def cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Cluster]:
    """Every engine that connects nodes."""
    cluster = _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


@pytest.fixture(params=_ENGINES if LONG else ["hub", "redis", "redis-cluster", "relay"])
def each_broker(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Cluster]:
    """Each kind of broker, for what does not depend on how it is reached; `make chaos` tries every engine."""
    cluster = _cluster(request, tmp_path)
    yield cluster
    run(cluster.close())


def _cluster(request: pytest.FixtureRequest, path: Path) -> Cluster:
    if request.param == "hub":
        return HubCluster(path)
    need: Need = request.getfixturevalue("need")
    if request.param == "redis":
        return RedisCluster(RedisServer(need("redis-server"), path), PATIENT_LEASE_S)
    if request.param in RELAYED:
        server = RedisServer(need("redis-server"), path)
        return RelayedCluster(server, path, RELAYED[request.param], lease_s=PATIENT_LEASE_S)
    if request.param == "relay-cluster":
        servers = request.getfixturevalue("redis_cluster")
        # Its servers come back one after the other, and a worker tries again after up to a second.
        return RelayedCluster(servers, path, 2, lease_s=3 * LEASE_S, shared=True)
    if request.param == "redis-cluster":
        # With the partitions of a single server a test takes half of the time; "relay-cluster" has a Cluster's own.
        monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setattr(partition_agreement, "CLUSTER_PARTITIONS", PARTITIONS)
    servers = "redis_cluster" if request.param == "redis-cluster" else "redis_sentinels"
    return RedisCluster(request.getfixturevalue(servers), PATIENT_LEASE_S, shared=True)
