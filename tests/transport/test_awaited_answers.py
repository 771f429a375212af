"""Requests whose answers are long or take time: their order, how many wait, and faults."""

import asyncio
import socket
from collections.abc import Awaitable

import pytest

from revurb import App, Server
from revurb.observe.counters import Counters
from revurb.transport.client_connection import ClientConnection
from revurb.transport.connections import Connections
from revurb.transport.handlers import Answer, RequestHandler
from revurb.transport.listener import bind_tcp, listen_on
from revurb.wire.http import Request
from revurb.wire.response import DeferredResponse, Response
from tests.client import PATIENCE_S, http, signed
from tests.conftest import Run
from tests.http_client import hang_up, read_response
from tests.transport.test_client_connection import LIMITS

APP = App(id="app-id", key="app-key", secret="app-secret")
UP = b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n"


class _SlowApps:
    """Finds every app a turn of the loop later."""

    async def find_by_id(self, app_id: str) -> App | None:
        await asyncio.sleep(0)
        return APP

    async def find_by_key(self, key: str) -> App | None:
        return APP

    def all(self) -> list[App]:
        return [APP]


def test_requests_in_one_breath_are_all_answered_also_if_the_answers_take_time(run: Run) -> None:
    async def main() -> None:
        target = signed(APP, "GET", "/apps/app-id/connections")
        request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        async with Server(app_provider=_SlowApps(), port=0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request * 3)
            writer.write_eof()
            answers = await reader.read()
            assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
            assert answers.count(b"Connection: close") == 1
            writer.close()

    run(main())


class Listening:
    """A listener whose connections are answered by `handler`."""

    def __init__(self, handler: RequestHandler) -> None:
        self.connections = Connections(handler, LIMITS, Counters(), asyncio.get_running_loop())

    async def __aenter__(self) -> int:
        (bound,) = bind_tcp(["127.0.0.1"], 0)
        self._server = await listen_on(lambda: ClientConnection(self.connections), bound, None, 1.0)
        return int(bound.getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.connections.abort()
        async with asyncio.timeout(PATIENCE_S):
            while self.connections.http:
                await asyncio.sleep(0)


class LongAnswers:
    """Answers each request with its target, made long."""

    def on_request(self, request: Request) -> Answer:
        return Response(200, request.path.encode().ljust(50_000, b"."), "text/plain")


def test_one_that_pipelines_and_pauses_gets_every_answer_and_few_wait(run: Run) -> None:
    async def main() -> None:
        listening = Listening(LongAnswers())
        async with listening as port:
            loop = asyncio.get_running_loop()
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            requests = (b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(300))
            await loop.sock_sendall(sock, b"".join(requests))
            reader, writer = await asyncio.open_connection(sock=sock)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(PATIENCE_S):
                while listening.connections.counters.http_requests_total == 0:
                    await asyncio.sleep(0)
            [connection] = listening.connections.http
            transport = connection._transport  # type: ignore[attr-defined]
            assert listening.connections.counters.http_requests_total < 200
            assert transport.get_write_buffer_size() > 0
            reader._transport.resume_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(PATIENCE_S):
                for number in range(300):
                    body = (await read_response(reader)).body
                    assert body.startswith(b"/%d." % number)
                    assert transport.get_write_buffer_size() < 300_000
            assert not transport.get_write_buffer_size()
            await hang_up(writer)

    run(main())


class Later:
    """Answers /later when the test says so, and all else at once."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        return self.answer if request.path == "/later" else Response(200, b"OK", "text/plain")


def test_what_is_sent_while_an_answer_is_awaited_waits_and_is_answered_then(run: Run) -> None:
    """Reading is paused meanwhile, so that nobody fills memory, and goes on."""

    async def main() -> None:
        handler = Later()
        listening = Listening(handler)
        async with listening as port, http(port) as connection:
            await connection.send_bytes(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE_S):
                while listening.connections.counters.http_requests_total == 0:
                    await asyncio.sleep(0)
                [served] = listening.connections.http
                await connection.send_bytes(UP)
                while served._transport.is_reading():  # type: ignore[attr-defined]
                    await asyncio.sleep(0)
            handler.answer.set_result(Response(404, b"later", "text/plain"))
            assert [(await connection.response()).status for _ in range(2)] == [404, 200]
            assert (await connection.request("GET", "/up")).status == 200

    run(main())


class FailingLater:
    """Answers each request from a future, of which nothing can be made."""

    def __init__(self) -> None:
        self.waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_request(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.path == "/up":
            return Response(200, b"OK", "text/plain")
        return DeferredResponse(self.waiting, self._make)

    def _make(self, result: int) -> Response:
        raise ZeroDivisionError(result)


@pytest.mark.parametrize("fault", ["of-the-bus", "of-the-answer"])
def test_a_fault_after_waiting_is_500_and_the_connection_goes_on(
    run: Run, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    async def main() -> None:
        handler = FailingLater()
        async with Listening(handler) as port, http(port) as connection:
            await connection.send_bytes(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + UP)
            loop = asyncio.get_running_loop()
            if fault == "of-the-bus":
                loop.call_later(0.01, handler.waiting.set_exception, RuntimeError("lost"))
            else:
                loop.call_later(0.01, handler.waiting.set_result, 1)
            response = await connection.response()
            assert (response.status, response.text) == (500, "Internal server error.")
            assert (await connection.response()).status == 200

    run(main())
    [record] = [record for record in caplog.records if record.message == "request failed"]
    assert record.exc_info
    assert record.__dict__["path"] == "/later"
