from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from revurb.processes.level_change import LogLevel


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("revurb")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(before)


async def test_a_level_is_changed_for_a_time_and_then_as_it_was(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    level = LogLevel()
    level.change("error")
    assert logger.level == logging.ERROR
    level.change("debug", 60.0)
    assert logger.level == logging.DEBUG
    level.change("warning", 0.01)
    async with asyncio.timeout(5):
        while logger.level != logging.INFO:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    said = [(record.getMessage(), vars(record).get("new_level")) for record in caplog.records]
    assert said == [
        ("log level is changed", "error"),
        ("log level is changed", "debug"),
        ("log level is changed", "warning"),
        ("log level is as configured again", "info"),
    ]
