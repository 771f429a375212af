from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.speedups.harness import Harness, build
from tests.speedups.peers import Loop


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(build(tmp_path_factory.mktemp("bytesops"), "harness", "-O3", "-shared", "-fPIC"))


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    for peer in loop.peers:
        peer.close()
