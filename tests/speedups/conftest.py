from __future__ import annotations

import pytest

from tests.speedups.harness import Harness, build


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(build(tmp_path_factory.mktemp("bytesops"), "harness", "-O3", "-shared", "-fPIC"))
