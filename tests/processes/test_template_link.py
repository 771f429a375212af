"""Both ends of the link between the supervisor and a template, in one process: the template's end in a thread."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from revurb.processes.template_link import (
    Forked,
    ForkFailed,
    ForkRequest,
    ForkRequests,
    TemplateLink,
    TemplateLost,
    TemplateReady,
    close_all,
)

Link = tuple[TemplateLink, ForkRequests, socket.socket]


@pytest.fixture
def link() -> Iterator[Link]:
    ours, theirs = socket.socketpair()
    link = TemplateLink(ours)
    yield link, ForkRequests(theirs), theirs
    link.close()
    theirs.close()


def in_thread(run: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("count", [0, 1, 250, 251, 600])
async def test_a_request_arrives_with_all_its_descriptors(link: Link, count: int) -> None:
    supervisor, template, _ = link
    reading, writing = os.pipe()
    arguments = tuple(f"argument {number}" for number in range(20_000))  # more than a socket takes at once
    request = ForkRequest("module", arguments, tuple(range(count)), "title")
    got: list[tuple[ForkRequest, list[int]] | None] = []
    thread = in_thread(lambda: got.append(template.receive()))
    await supervisor.send(request, [reading] * count)
    await asyncio.to_thread(thread.join)
    assert got[0] is not None
    received, fds = got[0]
    assert (received, len(fds)) == (request, count)
    assert all(os.path.sameopenfile(fd, reading) and not os.get_inheritable(fd) for fd in fds)
    close_all([reading, writing, *fds])


async def test_a_request_for_which_there_is_no_room_is_over(link: Link) -> None:
    supervisor, template, theirs = link
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    await supervisor.send(ForkRequest("first", (), (0,) * 9, ""), [0] * 9)
    await supervisor.send(ForkRequest("second", (), (), ""), [])
    resource.setrlimit(resource.RLIMIT_NOFILE, (theirs.fileno() + 1, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            template.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    received = template.receive()
    assert received is not None
    assert received[0].module == "second"


async def test_answers_come_in_order_however_they_are_cut(link: Link) -> None:
    supervisor, template, _ = link
    answers = (TemplateReady(), Forked(7), ForkFailed(11, "Resource temporarily unavailable"))
    for answer in answers:
        template.send(answer)
    assert [await supervisor.receive() for _ in answers] == list(answers)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "it has ended"),
        (b'{"type":"forked","pid":', "it has ended"),
        (b"ready\n", "not known here"),
        (b'{"type":"forked","pid":"7"}\n', "not known here"),
        (b"x" * 70_000, "without an end"),
    ],
)
async def test_an_answer_that_is_none_is_the_loss_of_the_template(
    link: Link, said: bytes, reason: str
) -> None:
    supervisor, _, theirs = link
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(TemplateLost, match=reason):
        await supervisor.receive()


async def test_a_template_that_has_ended_takes_no_request(link: Link) -> None:
    supervisor, template, _ = link
    template.close()
    with pytest.raises(TemplateLost, match="Broken pipe"):
        await supervisor.send(ForkRequest("module", (), (), ""), [])


@pytest.mark.parametrize("sent", [b"", b"\0\0\0", b"\0\0\0\x09\0\0\0\0{}"])
async def test_the_end_of_the_supervisor_is_the_end_of_the_requests(link: Link, sent: bytes) -> None:
    supervisor, template, _ = link
    supervisor._sock.send(sent)
    supervisor.close()
    assert template.receive() is None
    template.send(Forked(1))  # to nobody


async def test_a_request_waits_for_a_template_that_does_not_read(link: Link) -> None:
    supervisor, template, _ = link
    request = ForkRequest("module", ("x" * 3_000_000,), (), "")
    sending = asyncio.ensure_future(supervisor.send(request, []))
    done, _ = await asyncio.wait((sending,), timeout=0.05)
    assert not done
    got: list[tuple[ForkRequest, list[int]] | None] = []
    thread = in_thread(lambda: got.append(template.receive()))
    async with asyncio.timeout(20):
        await sending
        await asyncio.to_thread(thread.join)
    assert got == [(request, [])]
