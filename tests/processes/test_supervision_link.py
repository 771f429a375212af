from __future__ import annotations

import socket

import pytest

from revurb.processes.supervision_link import (
    MAX_LINE_BYTES,
    Drain,
    Heartbeat,
    Ready,
    StartFailed,
    open_childs_end,
    open_supervisors_end,
)


async def test_each_side_hears_the_other_and_its_end() -> None:
    ours, theirs = socket.socketpair()
    supervisor, child = (
        await open_supervisors_end(ours),
        await open_childs_end(theirs),
    )
    for message in (Ready(10.0), Heartbeat(7), StartFailed(("a: found b",), configuration=True)):
        child.send(message)
        assert await supervisor.receive() == message
    supervisor.send(Drain())
    assert await child.receive() == Drain()
    child.close()
    assert await supervisor.receive() is None
    supervisor.send(Drain())  # to nobody
    supervisor.close()


async def test_what_a_newer_child_says_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    supervisor = await open_supervisors_end(ours)
    with theirs:
        theirs.sendall(b'{"type":"mood","is":"good"}\nnonsense\n{"type":"beat","connections":3,"memory":1}\n')
        assert await supervisor.receive() == Heartbeat(3)
        theirs.sendall(b"x" * (2 * MAX_LINE_BYTES))  # a line without an end
        assert await supervisor.receive() is None
    assert len(caplog.records) == 2
    supervisor.close()
