"""Real templates, from which a hub is forked: with the supervisor played by the test."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from revurb.processes import prctl, templates
from revurb.processes.child import Child, ChildCommand, start_child
from revurb.processes.invocation import Invocation
from revurb.processes.reaper import Reaper
from revurb.processes.template_link import (
    ForkRequest,
    ForkRequests,
    TemplateLost,
    TemplateReady,
    close_all,
)
from revurb.processes.templates import Template, Templates
from tests.processes.children import HERE, hub_command, reaping

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

FORKED, FRESH = "revurb: hub", "-m revurb.processes.hub"


class Played:
    """The supervisor: the template in use, and hubs."""

    def __init__(self, folder: Path, reaper: Reaper, invocation: Invocation) -> None:
        self.templates = Templates(reaper, invocation)
        self.command = replace(hub_command(folder), templates=self.templates)
        self.children: list[Child] = []
        self._reaper = reaper

    @property
    def template(self) -> Template:
        assert self.templates._template is not None
        return self.templates._template

    async def start(self, command: ChildCommand | None = None) -> Child:
        child = await start_child("hub", command or self.command, self._reaper)
        self.children.append(child)
        return child


@asynccontextmanager
async def played(folder: Path, toml_path: Path | None = None) -> AsyncIterator[Played]:
    assert prctl.adopt_orphans()
    with reaping() as reaper:
        it = Played(folder, reaper, Invocation(environ=HERE.environ, cwd=HERE.cwd, toml_path=toml_path))
        try:
            it.templates.begin()
            yield it
        finally:
            it.templates.end()
            for child in it.children:
                child.kill()
                await child.exit_code
            while reaper._expected:  # the templates
                await asyncio.sleep(0.01)
    prctl.adopt_orphans(False)


def in_asyncio(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """A test on asyncio's own loop, as the supervisor's: uvloop waits for child processes itself."""

    @functools.wraps(test)
    def run(**fixtures: object) -> None:
        asyncio.run(test(**fixtures))

    return run


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").replace("\0", " ")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@in_asyncio
async def test_children_are_forked_and_end_as_others_do(tmp_path: Path) -> None:
    async with asyncio.timeout(30), played(tmp_path) as it:
        first = await it.start()
        await first.ready
        assert command_line(first.pid) == FORKED
        assert command_line(it.template.pid) == "revurb: template"
        assert parent_of(first.pid) == os.getpid()
        assert os.getpgid(first.pid) == first.pid
        assert os.readlink(f"/proc/{first.pid}/fd/0") == os.devnull
        assert "supervised_process.py" in await first.dump_stack()
        first.drain()
        assert await first.exit_code == 0
        second = await it.start()  # from the same template
        await second.ready
        second.kill()
        assert await second.exit_code == -signal.SIGKILL


@in_asyncio
async def test_without_a_generation_that_starts_children_are_fresh(tmp_path: Path) -> None:
    async with asyncio.timeout(30), played(tmp_path) as it:
        pid = it.template.pid
        it.templates.end()
        child = await it.start()
        await child.ready
        assert FRESH in command_line(child.pid)
        while os.path.exists(f"/proc/{pid}"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("when", ["while it starts", "while it waits"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@in_asyncio
async def test_a_template_that_is_lost_is_done_without(
    tmp_path: Path,
    number: signal.Signals,
    when: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(logging.getLogger("revurb"), "propagate", True)
    async with asyncio.timeout(30), played(tmp_path) as it:
        template = it.template
        if when == "while it waits":
            await (await it.start()).ready
        os.kill(template.pid, number)
        monkeypatch.setattr(templates, "START_S", 0.3)
        monkeypatch.setattr(templates, "FORK_S", 0.3)
        elsewhere = tmp_path / "elsewhere"  # for the socket of another hub
        elsewhere.mkdir()
        other = replace(hub_command(elsewhere), templates=it.templates)
        for child in await asyncio.gather(it.start(), it.start(other)):
            await child.ready
            assert FRESH in command_line(child.pid)
        assert [record.message for record in caplog.records].count(
            "template is lost, its processes start without it"
        ) >= 1
        while os.path.exists(f"/proc/{template.pid}"):  # also one that was stopped
            await asyncio.sleep(0.01)


@in_asyncio
async def test_a_fork_that_nobody_waits_for_any_more_does_not_begin(tmp_path: Path) -> None:
    """The supervisor stopped meanwhile, or the time for it was over."""
    async with asyncio.timeout(30), played(tmp_path) as it:
        await (await it.start()).ready
        os.kill(it.template.pid, signal.SIGSTOP)
        starting = asyncio.ensure_future(it.start())
        done, _ = await asyncio.wait((starting,), timeout=0.1)
        assert not done
        starting.cancel()
        await asyncio.wait((starting,))
        assert starting.cancelled()
        assert it.template.is_lost


@in_asyncio
async def test_a_fork_that_fails_is_an_error_and_the_template_goes_on(tmp_path: Path) -> None:
    async with asyncio.timeout(30), played(tmp_path) as it:
        await (await it.start()).ready
        limits = resource.prlimit(it.template.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(it.template.pid, resource.RLIMIT_NOFILE, (6, limits[1]))
        with pytest.raises(OSError, match="Too many open files"):
            await it.start()
        resource.prlimit(it.template.pid, resource.RLIMIT_NOFILE, limits)
        child = await it.start()
        await child.ready
        assert command_line(child.pid) == FORKED


@in_asyncio
async def test_a_fork_that_cannot_become_the_process_ends_and_the_template_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has its descriptors, and no room for the numbers that they are to have."""
    async with asyncio.timeout(30), played(tmp_path) as it:
        await (await it.start()).ready
        limits = resource.prlimit(it.template.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(it.template.pid, resource.RLIMIT_NOFILE, (20, limits[1]))
        pipes = [os.pipe() for _ in range(20)]
        child = await it.start(replace(it.command, fds=pipes[-1]))
        assert await child.exit_code == 1
        assert "in place" in capfd.readouterr().err
        resource.prlimit(it.template.pid, resource.RLIMIT_NOFILE, limits)
        after = await it.start()
        await after.ready
        assert command_line(after.pid) == FORKED
        for pipe in pipes:
            for fd in pipe:
                os.close(fd)


@pytest.mark.parametrize(
    "command",
    [
        ChildCommand("revurb.processes.none", (), (), HERE),
        ChildCommand("revurb.processes.hub", ("--nonsense",), (), HERE),
    ],
)
@in_asyncio
async def test_what_a_template_cannot_start_is_an_error(tmp_path: Path, command: ChildCommand) -> None:
    async with asyncio.timeout(30), played(tmp_path) as it:
        with pytest.raises(OSError, match="cannot be started here"):
            await it.start(replace(command, templates=it.templates))


@in_asyncio
async def test_descriptors_of_any_number_are_inherited_under_their_numbers(tmp_path: Path) -> None:
    async with asyncio.timeout(30), played(tmp_path) as it:
        pipes = [os.pipe() for _ in range(200)]
        fds = (*it.command.fds, *(fd for pipe in pipes for fd in pipe))
        child = await it.start(replace(it.command, fds=fds))
        await child.ready
        assert all(
            os.readlink(f"/proc/{child.pid}/fd/{fd}") == os.readlink(f"/proc/self/fd/{fd}") for fd in fds
        )
        for pipe in pipes:
            for fd in pipe:
                os.close(fd)


@in_asyncio
async def test_a_configuration_that_cannot_be_used_is_a_worker_s_problem_and_not_the_hub_s(
    tmp_path: Path,
) -> None:
    toml = tmp_path / "revurb.toml"
    toml.write_text("[server]\nport = 'none'\n")
    async with asyncio.timeout(30), played(tmp_path, toml) as it:
        hub = await it.start()
        await hub.ready
        sock = socket.socket()
        arguments = ("--slot", "0", "--tcp", f"0:{sock.fileno()}", "--hub-socket", "@none")
        worker = await it.start(
            ChildCommand("revurb.processes.worker", arguments, (sock.fileno(),), HERE, templates=it.templates)
        )
        sock.close()
        assert await worker.exit_code == 78
        assert worker.failure is not None
        assert worker.failure.configuration
        assert any("server.port" in problem for problem in worker.failure.problems)


@in_asyncio
async def test_a_template_of_another_kind_is_lost(tmp_path: Path) -> None:
    """One of a newer release may speak another version of the link, and ends."""
    async with asyncio.timeout(30), played(tmp_path) as it:
        template = it.template
        template._link.close()
        request = ForkRequest("revurb.processes.hub", (), (), "")
        with pytest.raises(TemplateLost):
            await template.fork(request, ())
        assert await it.templates.fork(request, ()) is None


@in_asyncio
async def test_where_orphans_cannot_be_adopted_there_are_no_templates(tmp_path: Path) -> None:
    with reaping() as reaper:
        unused = Templates(reaper, Invocation(environ=HERE.environ, cwd=HERE.cwd), are_used=False)
        unused.begin()
        assert not reaper._expected
        child = await start_child("hub", replace(hub_command(tmp_path), templates=unused), reaper)
        await child.ready
        assert FRESH in command_line(child.pid)
        child.drain()
        assert await child.exit_code == 0


@in_asyncio
async def test_what_a_template_forked_before_it_was_lost_takes_nothing_from_its_successor(
    tmp_path: Path,
) -> None:
    """It waits on its link. The test plays it, and the template that ends before it could tell of it."""
    ours, theirs = socket.socketpair()
    kept: list[socket.socket] = []

    def play_template() -> None:
        requests = ForkRequests(theirs)
        requests.send(TemplateReady())
        received = requests.receive()
        assert received is not None
        link, *others = received[1]
        close_all(others)
        kept.append(socket.socket(fileno=link))
        requests.close()

    template = subprocess.Popen(["sleep", "60"])
    template.returncode = 0  # the reaper waits for it
    async with asyncio.timeout(30):
        with reaping() as reaper:
            used = Templates(reaper, Invocation(environ=HERE.environ, cwd=HERE.cwd), (template.pid, ours))
            playing = threading.Thread(target=play_template)
            playing.start()
            child = await start_child("hub", replace(hub_command(tmp_path), templates=used), reaper)
            await child.ready
            playing.join()
            kept[0].settimeout(20)
            assert kept[0].recv(1) == b""  # it ends, and what is sent to the successor is not for it
            child.drain()
            assert await child.exit_code == 0
            while reaper._expected:
                await asyncio.sleep(0.01)
    kept[0].close()
