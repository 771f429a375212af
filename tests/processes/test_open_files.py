from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from revurb.processes.open_files import raise_open_files_limit


@pytest.fixture
def hard_limit() -> Iterator[int]:
    """The hard limit of this process, whose soft limit is below it meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_becomes_the_hard_one(hard_limit: int) -> None:
    assert raise_open_files_limit() == hard_limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard_limit, hard_limit)
    assert raise_open_files_limit() == hard_limit
