from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp import web

from revurb.webhooks.http_client import HttpClient
from revurb.webhooks.name_lookup import NameLookup
from revurb.webhooks.retry_policy import Outcome, Verdict
from tests.webhooks.receiver import Receiver, receiving

HEADERS = {"X-Pusher-Key": "key", "X-Pusher-Signature": "signature", "Content-Type": "application/json"}
OWN = {"Authorization": "Bearer hush"}


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[HttpClient]:
    made = HttpClient(**{"allow_private": True, **options})
    try:
        yield made
    finally:
        await made.close()


async def post(made: HttpClient, url: str, own: Mapping[str, str] = OWN) -> Outcome:
    return await made.post(url, b'{"events":[]}', HEADERS, own)


def redirect(status: int, to: str) -> web.Response:
    return web.Response(status=status, headers={"Location": to})


def names(*addresses: tuple[str, int]) -> NameLookup:
    """A name server that has these addresses for each name."""

    def lookup(host: str, port: int, **options: Any) -> Sequence[tuple[Any, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, at or port)) for address, at in addresses
        ]

    return NameLookup(allow_private=False, lookup=lookup)


async def test_a_request_and_its_answer() -> None:
    async with receiving() as receiver, client() as made:
        receiver.answers = [web.Response(status=429, text="slow down", headers={"Retry-After": "7"})]
        outcome = await post(made, f"{receiver.url}?a=%2F&b=1%202")
    assert outcome == Outcome(Verdict.RETRY, "answered 429", 429, "7", "127.0.0.1", b"slow down")
    (request,) = receiver.requests
    assert request.path == "/hook?a=%2F&b=1%202"
    assert request.body == b'{"events":[]}'
    assert {**HEADERS, **OWN}.items() <= request.headers.items()
    assert "Cookie" not in request.headers


async def test_a_connection_is_used_again_and_no_cookie_is_kept() -> None:
    ports = set()

    async def handle(request: web.BaseRequest) -> web.Response:
        ports.add(request.transport.get_extra_info("peername")[1] if request.transport else 0)
        assert "Cookie" not in request.headers
        await request.read()
        return web.Response(headers={"Set-Cookie": "a=b"}, text="ok")

    async with client() as made:
        server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(3):
            assert (await post(made, url)).status == 200
        server.close()
    assert len(ports) == 1


@pytest.mark.parametrize("status", [307, 308])
async def test_a_post_is_repeated_where_a_redirect_says_so(status: int) -> None:
    async with receiving() as receiver, client() as made:
        receiver.answers = [redirect(status, "/other?x=1"), redirect(status, "third")]
        outcome = await post(made, receiver.url)
    assert outcome.verdict is Verdict.DELIVERED
    assert [request.path for request in receiver.requests] == ["/hook", "/other?x=1", "/third"]
    for request in receiver.requests:
        assert {**HEADERS, **OWN}.items() <= request.headers.items()
        assert request.body == b'{"events":[]}'


async def test_secrets_never_go_to_another_host() -> None:
    async with receiving() as receiver, receiving() as other, client() as made:
        receiver.answers = [redirect(307, other.url)]
        other.answers = [redirect(307, receiver.url)]  # and back again
        outcome = await post(made, receiver.url)
    assert outcome.verdict is Verdict.DELIVERED
    first, back = receiver.requests
    (there,) = other.requests
    assert "Authorization" in first.headers
    for request in (there, back):
        assert not {"Authorization", "X-Pusher-Key", "X-Pusher-Signature"} & request.headers.keys()
        assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (redirect(301, "/a?token=hush"), "answered 301 to 'http://127.0.0.1:"),
        (redirect(302, "/a"), "where a POST is not repeated (307 and 308 say so)"),
        (redirect(303, "/a"), "where a POST is not repeated"),
        (web.Response(status=307), "answered 307 without a Location"),
        (redirect(307, "ftp://example.com/"), "which is no URL to send to"),
        (redirect(307, "http://user:hush@127.0.0.1/"), "which is no URL to send to"),
        (redirect(307, "http://[::1"), "no URL to send to"),
        (web.Response(status=304), "answered 304"),
        (web.Response(status=404), "answered 404"),
    ],
)
async def test_other_redirects_are_given_up(answer: web.Response, reason: str) -> None:
    async with receiving() as receiver, client() as made:
        receiver.answers = [answer]
        outcome = await post(made, receiver.url)
    assert len(receiver.requests) == 1
    assert reason in outcome.reason
    assert outcome.verdict is Verdict.GIVE_UP


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 10_000 + b"\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: https://me:hush@example.com/?token=hush\r\n\r\n",
        b"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: https://me:hush@example.com/?token=hush\r\n\r\n",
    ],
)
async def test_no_reason_has_a_secret_whatever_is_answered(answer: bytes) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server, client() as made:
        port = server.sockets[0].getsockname()[1]
        outcome = await post(made, f"http://127.0.0.1:{port}/hook?token=hush")
    assert outcome.reason.startswith(("no valid answer: ", "answered 30"))
    assert "hush" not in outcome.reason
    assert outcome.reason.isprintable()


async def test_redirects_end() -> None:
    async with receiving() as receiver, client() as made:
        receiver.answers = [redirect(307, "/again") for _ in range(10)]
        outcome = await post(made, receiver.url)
    assert len(receiver.requests) == 6
    assert (outcome.verdict, outcome.reason) == (Verdict.GIVE_UP, "redirected more than 5 times")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_never_connected_to(host: str) -> None:
    async with receiving() as receiver, client(allow_private=False) as made:
        outcome = await post(made, f"http://{host}:{receiver.port}/")
    assert outcome.verdict is Verdict.GIVE_UP
    assert outcome.reason.startswith("refused: ")
    assert "loopback; REVURB_WEBHOOKS_ALLOW_PRIVATE allows that" in outcome.reason
    assert not receiver.requests


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001"])
async def test_other_ways_to_write_an_address_are_no_url(host: str) -> None:
    async with receiving() as receiver, client(allow_private=False) as made:
        outcome = await post(made, f"http://{host}:{receiver.port}/")
    assert outcome.verdict is Verdict.GIVE_UP
    assert not receiver.requests


async def test_what_a_name_stands_for_is_what_is_connected_to() -> None:
    """A name server that says something else each time it is asked: DNS rebinding."""
    answers = [["1.1.1.1", "127.0.0.1"], ["127.0.0.1"]]

    def lookup(host: str, port: int, **options: Any) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    async with receiving() as receiver:
        async with client(
            allow_private=False, lookup=NameLookup(allow_private=False, lookup=lookup), timeout_s=0.2
        ) as made:
            await post(made, f"http://rebinding.example:{receiver.port}/")  # 1.1.1.1 alone was tried
            assert made.last_address == "1.1.1.1"
        async with client(allow_private=False, lookup=NameLookup(allow_private=False, lookup=lookup)) as made:
            outcome = await post(made, f"http://rebinding.example:{receiver.port}/")
    assert outcome.reason == (
        "refused: rebinding.example is at 127.0.0.1, which is loopback; REVURB_WEBHOOKS_ALLOW_PRIVATE allows that"
    )
    assert not receiver.requests


async def test_a_socket_for_a_private_address_is_never_made() -> None:
    """Whatever the resolver lets through."""
    lookup = names(("127.0.0.1", 0))
    lookup._allow_private = True
    async with receiving() as receiver, client(allow_private=False, lookup=lookup) as made:
        outcome = await post(made, f"http://example.com:{receiver.port}/")
    assert (outcome.verdict, outcome.reason[:9]) == (Verdict.GIVE_UP, "refused: ")
    assert not receiver.requests


async def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        async with client() as made:
            outcome = await post(made, f"http://127.0.0.1:{port}/")
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "connection refused")


async def test_a_name_that_does_not_exist() -> None:
    async with client() as made:
        outcome = await post(made, "http://nowhere.invalid/")
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason.startswith("its name cannot be looked up: ")


@asynccontextmanager
async def tls_receiver(authority: trustme.CA, *hosts: str) -> AsyncIterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    receiver = Receiver()
    server = await asyncio.get_running_loop().create_server(
        web.Server(receiver.handle),  # type: ignore[arg-type]
        "127.0.0.1",
        0,
        ssl=context,
    )
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


async def test_tls() -> None:
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    async with tls_receiver(authority, "127.0.0.1") as receiver, client(tls=trusting) as made:
        url = receiver.url.replace("http:", "https:")
        assert (await post(made, url)).verdict is Verdict.DELIVERED
        outcome = await post(made, url.replace("127.0.0.1", "localhost"))
        assert (outcome.verdict, outcome.reason[:30]) == (Verdict.RETRY, "its certificate is not trusted")
        async with receiving() as plain:
            receiver.answers = [redirect(307, f"{plain.url}?token=hush")]
            outcome = await post(made, url)
            assert outcome.verdict is Verdict.GIVE_UP
            assert outcome.reason.endswith("?...', which is not encrypted")
            assert not plain.requests


async def test_a_certificate_of_nobody() -> None:
    async with tls_receiver(trustme.CA(), "127.0.0.1") as receiver, client() as made:
        outcome = await post(made, receiver.url.replace("http:", "https:"))
    assert (outcome.verdict, outcome.reason[:30]) == (Verdict.RETRY, "its certificate is not trusted")


async def test_tls_with_who_does_not_speak_it() -> None:
    async with receiving() as receiver, client() as made:
        outcome = await post(made, receiver.url.replace("http:", "https:"))
    assert (outcome.verdict, outcome.reason[:11]) == (Verdict.RETRY, "TLS failed:")
