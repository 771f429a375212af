"""A slot keeps one process running: real hubs, and a supervisor's decisions played by the test."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from revurb.processes.child import Child, ChildCommand, start_child
from revurb.processes.reaper import Reaper
from revurb.processes.slot import NEXT, Slot, SlotState
from revurb.processes.worker_pool import ChangeSignal
from tests.processes.children import hub_command, reaping


class PlayedSlot:
    """A slot with hubs; `exits` are those that it reported, each of which is replaced if `replaces`."""

    def __init__(self, folder: Path, reaper: Reaper, *, replaces: bool = True) -> None:
        self.command = hub_command(folder)
        self.exits: list[tuple[Child, int]] = []
        self.changes = ChangeSignal()
        self._replaces = replaces
        self.slot = Slot(
            "hub",
            lambda: self.command,
            reaper,
            on_change=self.changes.notify,
            on_unexpected_exit=self.on_unexpected_exit,
            on_start_error=lambda slot, error: slot.try_again(error),
        )

    def on_unexpected_exit(self, slot: Slot, child: Child, code: int) -> None:
        assert (slot.state, slot.child) == (SlotState.EMPTY, None)
        self.exits.append((child, code))
        if self._replaces:
            slot.replace_exited(child, code)

    async def serves(self) -> Child:
        while not self.slot.serves:
            await self.changes.wait()
        assert self.slot.child is not None
        return self.slot.child

    async def is_empty(self) -> None:
        while self.slot.children:
            await self.changes.wait()

    def states(self) -> list[str]:
        return [row.state for row in self.slot.status(lambda child: False)]


@asynccontextmanager
async def played(folder: Path, *, replaces: bool = True) -> AsyncIterator[PlayedSlot]:
    with reaping() as reaper:
        it = PlayedSlot(folder, reaper, replaces=replaces)
        try:
            yield it
        finally:
            it.slot.close()
            for child in it.slot.children:
                child.kill()
            async with asyncio.timeout(10):
                await it.is_empty()


def test_an_exited_process_is_replaced_on_command(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), played(tmp_path) as it:
            assert (it.slot.state, it.states()) == (SlotState.EMPTY, ["waiting"])
            first = await it.slot.start()
            assert (it.slot.state, it.slot.died_at) == (SlotState.OCCUPIED, None)
            assert await it.serves() is first
            first.kill()
            await first.exit_code
            assert it.slot.died_at is not None
            second = await it.serves()
            assert second is not first
            assert it.exits == [(first, -signal.SIGKILL)]
            assert (it.slot.state, it.slot.restarts, it.slot.failures_in_a_row) == (SlotState.OCCUPIED, 1, 1)

    asyncio.run(main())


def test_an_exited_process_is_not_replaced_without_a_command(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), played(tmp_path, replaces=False) as it:
            child = await it.slot.start()
            child.kill()
            await it.is_empty()
            assert [code for _, code in it.exits] == [-signal.SIGKILL]
            assert (it.slot.state, it.states()) == (SlotState.EMPTY, ["waiting"])

    asyncio.run(main())


def test_a_process_that_takes_the_slot_has_the_one_before_drain(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), played(tmp_path) as it:
            old = await it.slot.start()
            await it.serves()
            new = await it.slot.start_another()
            assert it.slot.others == {new}
            await new.ready
            it.slot.put(new)
            assert (it.slot.child, it.slot.others) == (new, {old})
            assert it.states() == ["ready", "draining"]
            assert await old.exit_code == 0
            assert it.exits == []  # it was asked to

    asyncio.run(main())


def test_a_closed_slot_starts_no_process(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), played(tmp_path) as it:
            child = await it.slot.start()
            await it.serves()
            it.slot.close()
            assert (it.slot.state, it.slot.child, it.slot.others) == (SlotState.CLOSED, None, {child})
            late = await it.slot.start()
            assert it.slot.child is None
            assert await child.exit_code == 0
            assert await late.exit_code == -signal.SIGKILL
            it.slot.close()
            assert (it.slot.state, it.exits) == (SlotState.CLOSED, [])

    asyncio.run(main())


def test_a_slot_that_is_closed_while_a_replacement_starts_keeps_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Child] = []

    async def start_and_close(name: str, command: ChildCommand, reaper: Reaper) -> Child:
        child = await start_child(name, command, reaper)
        started.append(child)
        if len(started) == 2:  # the replacement is there, and its slot does not know it yet
            assert it.slot.state is SlotState.STARTING
            it.slot.close()
        return child

    it: PlayedSlot

    async def main() -> None:
        nonlocal it
        async with asyncio.timeout(20), played(tmp_path) as it:
            child = await it.slot.start()
            await it.serves()
            child.kill()
            while len(started) < 2:
                await it.changes.wait()
            assert await started[1].exit_code == -signal.SIGKILL
            await it.is_empty()
            assert (it.slot.state, it.slot.child, len(started)) == (SlotState.CLOSED, None, 2)
            assert len(it.exits) == 1  # the first; the second was asked to leave

    monkeypatch.setattr("revurb.processes.slot.start_child", start_and_close)
    asyncio.run(main())


def test_a_replacement_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revurb.processes.slot.FIRST_DELAY_S", 0.01)

    async def main() -> None:
        async with asyncio.timeout(20), played(tmp_path) as it:
            good = it.command
            child = await it.slot.start()
            await it.serves()
            it.command = replace(good, place=replace(good.place, cwd=tmp_path / "none"))
            child.kill()
            while it.slot.failures_in_a_row < 3:
                await asyncio.sleep(0)
            assert it.slot.failed_starts == it.slot.failures_in_a_row - 1  # the first one had been ready
            it.command = good
            await it.serves()
            assert it.slot.failed_starts == 0

    asyncio.run(main())


@pytest.mark.parametrize("max_s", [30.0, 2.0])
def test_the_pause_before_a_start_doubles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, max_s: float
) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), played(tmp_path, replaces=False) as it:
            it.slot._max_delay_s = max_s
            child = await it.slot.start()
            child.kill()
            await it.is_empty()
            for failures in (1, 2, 3, 4, 20, 2000):
                it.slot.failures_in_a_row = failures
                it.slot.replace_exited(child, 1)
                assert it.slot.state is SlotState.WAITING
                it.slot._cancel_start()
                it.slot.state = SlotState.EMPTY

    asyncio.run(main())
    delays_s = [record.restart_in_s for record in caplog.records if hasattr(record, "restart_in_s")]
    assert delays_s == [0.0, 0.5, 1.0, 2.0, max_s, max_s]


def test_only_a_closed_slot_has_no_next_state() -> None:
    assert set(NEXT) == set(SlotState)
    assert [state for state in SlotState if not NEXT[state]] == [SlotState.CLOSED]
