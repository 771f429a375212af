"""A child process of the supervisor, from its start to its end: the hub, which needs no configuration."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from revurb.processes.child import NEXT, Child, ChildCommand, ChildState, exit_fields, exit_text, start_child
from revurb.processes.fresh_process import Surroundings
from tests.processes.children import hub_command, reaping


@asynccontextmanager
async def started(command: ChildCommand) -> AsyncIterator[Child]:
    with reaping() as reaper:
        child = await start_child("hub", command, reaper)
        try:
            yield child
        finally:
            child.kill()
            await child.exit_code


def seen(child: Child) -> tuple[ChildState, str, bool]:
    return child.state, child.shown_state, child.serves


def test_a_child_goes_from_start_to_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(hub_command(tmp_path)) as child:
            assert seen(child) == (ChildState.STARTING, "starting", False)
            await child.ready
            assert seen(child) == (ChildState.READY, "ready", True)
            child.drain()
            assert seen(child) == (ChildState.DRAINING, "draining", False)
            assert await child.exit_code == 0
            assert seen(child) == (ChildState.OVER, "draining", False)
            assert child.has_been_ready
            assert child.stopped_accepting.done()
            child.send_signal(signal.SIGTERM)  # to no process: the pid may be that of another one
            child.drain()
            assert seen(child)[0] is ChildState.OVER

    asyncio.run(main())


def test_a_child_that_is_not_ready_is_killed_instead_of_drained(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(hub_command(tmp_path)) as child:
            child.drain()
            assert await child.exit_code == -signal.SIGKILL
            assert not child.has_been_ready
            assert child.ready.cancelled()

    asyncio.run(main())


def test_the_stack_of_a_child(tmp_path: Path) -> None:
    async def main() -> str:
        async with started(hub_command(tmp_path)) as child:
            await child.ready
            return await child.dump_stack()

    assert "supervised_process.py" in asyncio.run(main())


def test_a_command_that_cannot_be_run(tmp_path: Path) -> None:
    command = ChildCommand("revurb.processes.hub", (), (), Surroundings(os.environ, tmp_path / "none"))

    async def main() -> None:
        with reaping() as reaper:
            await start_child("hub", command, reaper)

    with pytest.raises(FileNotFoundError):
        asyncio.run(main())


def test_every_state_has_its_transitions_and_ends() -> None:
    assert set(NEXT) == set(ChildState)
    assert [state for state in ChildState if not NEXT[state]] == [ChildState.OVER]
    order = list(ChildState)
    for before, after in itertools.chain.from_iterable(
        ((state, after) for after in NEXT[state]) for state in ChildState
    ):
        assert order.index(before) < order.index(after)  # no way back


@pytest.mark.parametrize(
    ("code", "fields", "text"),
    [
        (0, {"exit_code": 0}, "exit_code=0"),
        (-signal.SIGKILL, {"signal": "SIGKILL"}, "signal=SIGKILL"),
        (-250, {"signal": 250}, "signal=250"),
    ],
)
def test_how_a_process_ended(code: int, fields: dict[str, object], text: str) -> None:
    assert exit_fields(code) == fields
    assert exit_text(code) == text


def test_what_a_child_says_to_a_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with started(hub_command(tmp_path)) as child:
            await child.ready
            answers = await asyncio.gather(*(child.reload_certificate() for _ in range(3)))
            assert answers == ["this process has no certificate"] * 3
            monkeypatch.setattr("revurb.processes.child_answers.ANSWER_S", 0.01)
            child.send_signal(signal.SIGSTOP)
            assert await child.reload_certificate() == "hub does not answer"

    asyncio.run(main())
