from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.engines import Cluster, HubCluster, LocalCluster, OneOrMore
from tests.conftest import Run


@pytest.fixture(params=["local", "hub"])
def any_cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[OneOrMore]:
    """Every engine; tests with this one start a single process."""
    cluster = LocalCluster() if request.param == "local" else _cluster(request.param, tmp_path)
    yield cluster
    run(cluster.close())


@pytest.fixture(params=["hub"])
def cluster(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Cluster]:
    """Every engine that connects processes."""
    cluster = _cluster(request.param, tmp_path)
    yield cluster
    run(cluster.close())


def _cluster(engine: str, path: Path) -> Cluster:
    assert engine == "hub"
    return HubCluster(path)
