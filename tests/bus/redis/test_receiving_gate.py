"""Who waits at a gate."""

from __future__ import annotations

from revurb.bus.redis.receiving_gate import ReceivingGate


def test_who_comes_while_it_is_closed_is_told_once_when_it_is_open() -> None:
    gate, told = ReceivingGate(), list[str]()
    gate.close()
    for name in ("a", "b"):
        gate.when_open(lambda name=name: told.append(name))  # type: ignore[misc]
    assert told == []
    gate.open()
    gate.close()
    gate.open()
    assert told == ["a", "b"]


def test_who_finds_it_closed_once_more_waits_again() -> None:
    gate, told = ReceivingGate(), list[bool]()

    def look() -> None:
        told.append(gate.is_closed)
        if len(told) == 1:
            gate.close()
            gate.when_open(look)

    gate.close()
    gate.when_open(look)
    gate.open()
    assert told == [False]
    gate.open()
    assert told == [False, False]
