import asyncio
import gc
import warnings
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.conftest import Need, Run
from tests.redis_server import RedisServer

T = TypeVar("T")


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """asyncio's own loop. redis-py 8.1 leaves the sockets of connections that were refused (in the TLS handshake, by
    AUTH) to the collector, which complains, and uvloop is not patient enough for them at its end."""
    with asyncio.Runner() as runner:

        def to_the_end(main: Coroutine[Any, Any, T], /) -> T:
            try:
                return runner.run(main)
            finally:
                runner.run(asyncio.sleep(0.05))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ResourceWarning)
                    gc.collect()
                runner.run(asyncio.sleep(0))

        yield to_the_end


@pytest.fixture
def server(run: Run, need: Need, tmp_path: Path) -> Iterator[RedisServer]:
    """Not started yet, and gone when the test is."""
    server = RedisServer(need("redis-server"), tmp_path)
    yield server
    run(server.kill())
