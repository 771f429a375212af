"""Who waits at a gate."""

from __future__ import annotations

import asyncio

from revurb.bus.redis.receiving_gate import ReceivingGate


async def test_who_comes_while_it_is_closed_waits_until_it_is_open() -> None:
    gate = ReceivingGate()
    await gate.wait()
    gate.close()
    waiting = [asyncio.ensure_future(gate.wait()) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    gate.open()
    await asyncio.gather(*waiting)
    await gate.wait()


async def test_a_gate_that_is_closed_once_more_is_closed() -> None:
    gate = ReceivingGate()
    for _ in range(2):
        gate.open()
        gate.close()
        waiting = asyncio.ensure_future(gate.wait())
        done, _ = await asyncio.wait((waiting,), timeout=0.01)
        assert not done
        gate.open()
        await waiting
