import asyncio
from collections.abc import Iterator

import pytest

from tests.conftest import Run


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """asyncio's own loop: redis-py leaves sockets of refused connections to close by themselves, and uvloop is not
    patient enough for them at its end."""
    with asyncio.Runner() as runner:

        def to_the_end(main):  # type: ignore[no-untyped-def]
            result = runner.run(main)
            runner.run(asyncio.sleep(0.05))
            return result

        yield to_the_end
