"""Signals of a server whose loop runs: in order, and restarts that wait are one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from revurb.processes.server_signals import ServerSignals
from revurb.processes.start_signals import STOPPING


@contextlib.contextmanager
def server_signals() -> Iterator[ServerSignals]:
    yield ServerSignals()
    for number in (*STOPPING, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)


async def arrived(signals: ServerSignals, count: int) -> None:
    async with asyncio.timeout(10):
        while signals._queue.qsize() < count:
            await asyncio.sleep(0)


@pytest.mark.parametrize("number", STOPPING)
async def test_a_signal_stops(number: signal.Signals) -> None:
    with server_signals() as signals:
        os.kill(os.getpid(), number)
        assert await signals.next() == number.name


async def test_restarts_that_wait_are_one() -> None:
    with server_signals() as signals:
        for count in (1, 1, 1):
            os.kill(os.getpid(), signal.SIGHUP)
            await arrived(signals, count)
        signals.stop()
        os.kill(os.getpid(), signal.SIGHUP)
        assert await signals.next() is None
        os.kill(os.getpid(), signal.SIGHUP)
        await arrived(signals, 2)
        assert await signals.next() == "SIGTERM"
        assert await signals.next() is None
