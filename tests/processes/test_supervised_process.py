"""The child's end of the link, with the supervisor's end in the same process."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import math
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from revurb.observe.figures import Figures
from revurb.processes import supervised_process
from revurb.processes.supervised_process import BY_SUPERVISOR, SUPERVISOR_GONE, SupervisedProcess
from revurb.processes.supervision_link import (
    Adopt,
    Drain,
    Draining,
    EndNow,
    FiguresPart,
    FromChild,
    Heartbeat,
    Ready,
    Release,
    Reload,
    Reloaded,
    ReportFigures,
    StartFailed,
    SupervisionLink,
    ToChild,
    open_supervisors_end,
)

Supervisor = SupervisionLink[FromChild, ToChild]


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Supervisor, SupervisedProcess]]:
    ours, theirs = socket.socketpair()
    supervisor = await open_supervisors_end(ours)
    with open(os.devnull, "wb") as stacks:
        child = await SupervisedProcess.open(theirs.detach(), stacks.fileno())
        try:
            yield supervisor, child
        finally:
            supervisor.close()
            await child._reading
            child._link.close()
            faulthandler.unregister(signal.SIGUSR2)
            if child._heartbeat_timer is not None:
                child._heartbeat_timer.cancel()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)
            for link in (supervisor, child._link):
                with contextlib.suppress(ConnectionError):  # heartbeats that were not read reset the link
                    await link._writer.wait_closed()


async def test_a_first_heartbeat_comes_ahead_of_ready_and_others_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervised_process, "HEARTBEAT_INTERVAL_S", 0.001)
    async with linked() as (supervisor, child):
        child.send_ready(2.5, lambda: Heartbeat(7))
        received = [await supervisor.receive() for _ in range(4)]
        assert received == [Heartbeat(7), Ready(2.5), Heartbeat(7), Heartbeat(7)]


async def test_what_a_child_tells() -> None:
    async with linked() as (supervisor, child):
        child.send_draining()
        await child.send_start_failed(["a: found b"], configuration=True)
        assert [await supervisor.receive() for _ in range(2)] == [
            Draining(),
            StartFailed(("a: found b",), configuration=True),
        ]


async def test_slots_are_adopted_and_released() -> None:
    async with linked() as (supervisor, child):
        calls: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        child.on_adopt = lambda slot: calls.put_nowait(("adopt", slot))
        child.on_release = lambda slot: calls.put_nowait(("release", slot))
        supervisor.send(Adopt(1))
        supervisor.send(Release(1))
        assert [await calls.get(), await calls.get()] == [("adopt", 1), ("release", 1)]


async def test_the_supervisor_has_it_drain_and_then_end() -> None:
    async with linked() as (supervisor, child):
        supervisor.send(Drain())
        assert await child.drain_requested == BY_SUPERVISOR
        assert not child.end_now.is_set()
        supervisor.send(EndNow())
        await child.end_now.wait()


async def test_without_a_supervisor_it_drains() -> None:
    async with linked() as (supervisor, child):
        supervisor.close()
        assert await child.drain_requested == SUPERVISOR_GONE
        assert not child.end_now.is_set()


async def test_the_second_sigterm_ends_it_and_not_one_beside_a_drain() -> None:
    async with linked() as (supervisor, child):
        supervisor.send(Drain())
        await child.drain_requested
        handled = asyncio.ensure_future(child.end_now.wait())
        os.kill(os.getpid(), signal.SIGTERM)
        while not child._had_signal:
            await asyncio.sleep(0)
        assert not child.end_now.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        await handled


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
async def test_a_signal_is_the_reason(number: signal.Signals) -> None:
    async with linked() as (_, child):
        os.kill(os.getpid(), number)
        assert await child.drain_requested == number.name


async def test_a_reload_is_answered_with_its_problem() -> None:
    async with linked() as (supervisor, child):
        supervisor.send(Reload())
        assert await supervisor.receive() == Reloaded("this process has no certificate")

        async def fine() -> None:
            return None

        child.on_reload = fine
        supervisor.send(Reload())
        assert await supervisor.receive() == Reloaded("")


async def test_figures_are_told_to_who_asks() -> None:
    def read() -> Figures:
        figures = Figures()
        figures.put("ready", 1)
        return figures

    async with linked() as (supervisor, child):
        child.read_figures = read
        child.send_figures()
        child.send_draining()
        assert await supervisor.receive() == Draining()  # and nothing before it
        supervisor.send(ReportFigures())
        assert await supervisor.receive() == FiguresPart([("ready", [], [1])], is_last=True)
        child.send_figures()
        assert await supervisor.receive() == FiguresPart([("ready", [], [1])], is_last=True)


async def test_figures_are_told_for_as_long_as_somebody_looks() -> None:
    async with linked() as (supervisor, child):
        supervisor.send(ReportFigures(for_s=0.0))
        supervisor.send(Drain())
        await child.drain_requested
        child.send_draining()
        assert await supervisor.receive() == Draining()  # and nothing before it
        supervisor.send(ReportFigures(for_s=60.0))
        assert await supervisor.receive() == FiguresPart([], is_last=True)
        child.send_figures()
        assert await supervisor.receive() == FiguresPart([], is_last=True)


async def test_what_a_supervisor_does_not_read_is_bounded() -> None:
    """One that is stopped, say: its children tell their figures once a second."""

    def read() -> Figures:
        figures = Figures()
        figures.put_all("connections", {(f"app {number}",): number for number in range(5000)})
        return figures

    async with linked() as (supervisor, child):
        child.read_figures = read
        child._reports_figures_until = math.inf
        told_bytes = 0
        for _ in range(30):
            child._send_heartbeat(Heartbeat)
            assert child._heartbeat_timer is not None
            child._heartbeat_timer.cancel()
            told_bytes = told_bytes or child._link.unsent_bytes
            assert child._link.unsent_bytes <= told_bytes
        async with asyncio.timeout(10):
            while not (isinstance(part := await supervisor.receive(), FiguresPart) and part.is_last):
                pass
            while child._link.unsent_bytes:
                await supervisor.receive()
            child._send_heartbeat(Heartbeat)
            while not isinstance(await supervisor.receive(), Heartbeat):
                pass


async def test_figures_that_cannot_be_collected_end_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def read() -> Figures:
        raise RuntimeError("no figures")

    async with linked() as (supervisor, child):
        child.read_figures = read
        supervisor.send(ReportFigures())
        supervisor.send(Drain())
        assert await child.drain_requested == BY_SUPERVISOR
        child.send_figures()
        assert caplog.text.count("figures cannot be collected") == 1
