"""Receivers of webhooks that are slow, broken or hostile harm neither other targets nor serving: each is a raw socket
here, beside a good one, of a node's own sender."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from revurb import Server
from revurb.apps import FixedApps
from revurb.apps.public_address import non_public_kind
from revurb.observe.counters import Counters
from revurb.webhooks import http_client, name_lookup
from revurb.webhooks.delivery_desk import SendingClock
from revurb.webhooks.http_client import HttpClient
from revurb.webhooks.retry_policy import Verdict
from revurb.webhooks.sender import WebhookSender
from tests.client import connect
from tests.webhooks.receiver import MemoryQueue, Receiver, app_with, occupied, receiving, until

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMEOUT_S = 0.3
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class HostileReceiver:
    """Does what `behaviour` does with each connection."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.connections = 0
        self.open = 0
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            await self._behaviour(reader, writer)
        except (
            OSError,
            asyncio.IncompleteReadError,
            RuntimeError,
        ):  # uvloop's, of a transport that is closed
            pass
        finally:
            self.open -= 1
            writer.transport.abort()


@asynccontextmanager
async def hostile(behaviour: Behaviour) -> AsyncIterator[HostileReceiver]:
    receiver = HostileReceiver(behaviour)
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the peer closes


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def answers_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


async def has_huge_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Header: " + b"a" * 8000 + b"\r\n")
        await writer.drain()


async def has_one_endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
    while True:
        writer.write(b"a" * 65_536)
        await writer.drain()


async def says_continue_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await writer.drain()


async def drips_its_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Header: " + b"a" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def redirects_to_metadata(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n"
    )
    await writer.drain()


async def redirects_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")


async def answers_endlessly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"a" * 65_536)
        await writer.drain()


async def answers_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\na")
    await writer.drain()
    await reader.read()


async def answers_before_it_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + OK + OK)  # more answers than there are requests
    await writer.drain()


FAILING = [
    never_answers,
    closes,
    answers_nonsense,
    has_huge_headers,
    has_one_endless_header,
    says_continue_for_ever,
    drips_its_head,
    redirects_to_metadata,
    redirects_for_ever,
]
ANSWERING = [answers_endlessly, answers_without_end, answers_before_it_reads]


@pytest.mark.parametrize("behaviour", FAILING, ids=lambda behaviour: behaviour.__name__)
async def test_a_failing_receiver_harms_no_other(behaviour: Behaviour) -> None:
    """While one target fails and fails, another gets all events, and no connection is left."""
    queue, counters = MemoryQueue(), Counters()
    client = HttpClient(allow_private=True, timeout_s=TIMEOUT_S)
    async with hostile(behaviour) as bad, receiving() as good:
        app = app_with(f"http://127.0.0.1:{bad.port}/", good.url)
        sender = WebhookSender(
            FixedApps([app]),
            counters=counters,
            clock=SendingClock(sleep=lambda delay_s: asyncio.sleep(0.001)),
            post=client.post,
        )
        sender.start(queue)
        queue.begin(sender)
        for number in range(30):
            queue.tell(occupied(str(number)))
            await asyncio.sleep(0.01)
        await until(lambda: len(channels_of(good)) == 30)
        await until(lambda: counters.webhook_failures_total >= 2 or counters.webhook_dead_letters_total)
        await sender.stop(0)
        await client.close()
        await until(lambda: not bad.open, "a connection is left")
    assert channels_of(good) == [str(number) for number in range(30)]


def channels_of(receiver: Receiver) -> list[str]:
    """In the order of their first events: what was not answered in time, on a busy machine, comes again."""
    return [*dict.fromkeys(event["channel"] for event in receiver.events)]


async def test_a_node_serves_on_beside_all_of_them() -> None:
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(receiving())
        bad = [await stack.enter_async_context(hostile(behaviour)) for behaviour in FAILING + ANSWERING]
        app = app_with(good.url, *(f"http://127.0.0.1:{each.port}/" for each in bad))
        server = await stack.enter_async_context(Server(apps=[app], port=0, webhooks_allow_private=True))
        client = await stack.enter_async_context(connect(server.port, app.key))
        for number in range(20):
            channel = f"room-{number}"
            await client.subscribe(channel)
            await server.trigger(channel, "created", number)
            assert (await client.expect("created", channel))["data"] == str(number)
        await until(lambda: len(occupied_in(good)) == 20)
        await until(lambda: all(each.connections for each in bad))
        await server.trigger("room-0", "created", 20)
        assert (await client.expect("created", "room-0"))["data"] == "20"


def occupied_in(receiver: Receiver) -> list[str]:
    """The channels that a receiver was told of."""
    return [event["channel"] for event in receiver.events if event["name"] == "channel_occupied"]


@pytest.mark.parametrize("behaviour", ANSWERING, ids=lambda behaviour: behaviour.__name__)
async def test_what_a_receiver_sends_behind_its_answer_is_not_taken(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status counts; the body is read to 64 KiB and for a moment, and then the connection is closed."""
    monkeypatch.setattr(http_client, "BODY_TIMEOUT_S", 0.2)
    queue = MemoryQueue()
    async with hostile(behaviour) as bad:
        sender = WebhookSender(FixedApps([app_with(f"http://127.0.0.1:{bad.port}/")]), allow_private=True)
        sender.start(queue)
        queue.begin(sender)
        queue.tell(occupied("a"))
        await until(lambda: not queue.facts)
        queue.tell(occupied("b"))
        await until(lambda: not queue.facts)
        assert bad.connections == 2
        await until(lambda: bad.open == 0, "a connection is left")
        await sender.stop(0)


async def test_a_redirect_to_a_private_address_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this receiver's own address passes for a public one."""
    monkeypatch.setattr(
        name_lookup,
        "non_public_kind",
        lambda address: None if address == "127.0.0.1" else non_public_kind(address),
    )
    async with hostile(redirects_to_metadata) as bad:
        client = HttpClient(allow_private=False)
        outcome = await client.post(f"http://localhost:{bad.port}/", b"{}", {}, {})
        await client.close()
    assert bad.connections == 1
    assert outcome.verdict is Verdict.GIVE_UP
    assert outcome.reason.startswith("refused: 169.254.169.254, which is link-local")
