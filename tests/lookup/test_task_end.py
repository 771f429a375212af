"""Tasks that do not end when they are told to."""

from __future__ import annotations

import asyncio

from revurb.lookup.task_end import end_tasks


async def test_what_ends_and_what_does_not() -> None:
    ended: list[str] = []
    gate = asyncio.Event()

    async def task(name: str, *, is_stubborn: bool) -> None:
        while True:
            try:
                await gate.wait()
            except asyncio.CancelledError:
                if is_stubborn:
                    continue
                ended.append(name)
                raise
            return

    kind, stubborn = (asyncio.ensure_future(task(str(n), is_stubborn=bool(n))) for n in range(2))
    await asyncio.sleep(0)
    await end_tasks((kind, stubborn), 0.05)
    assert kind.cancelled()
    assert ended == ["0"]
    assert stubborn not in asyncio.all_tasks()
    gate.set()
    await stubborn
    await end_tasks((stubborn,), 60)
