"""The limit of open files: noticed, logged once, told by /ready, and over when descriptors are free again."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from revurb.node.file_limit import LOG_INTERVAL_S, FileLimit


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """All that the process may have are taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_is_noticed_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    limit = FileLimit()
    with caplog.at_level(logging.INFO):
        limit.check(0.0)
        assert (limit.reached, caplog.messages) == (False, [])
        for now in (1.0, 2.0):
            with no_descriptor_left():
                limit.check(now)
            assert limit.reached
            limit.check(now)
            assert not limit.reached
        assert caplog.messages == ["no file descriptor is left, clients are dropped"]
        with no_descriptor_left():
            limit.check(1.0 + LOG_INTERVAL_S)
    assert len(caplog.messages) == 2
