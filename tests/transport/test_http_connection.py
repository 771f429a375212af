"""HTTP as peers send it: kept alive, pipelined, in pieces, too slow, too large."""

import asyncio

import pytest

from revurb import App, Server
from tests.client import Ended, connect, dial, handshake, http
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret")
UP = b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_connection_is_kept_and_answers_in_order(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            await connection.send_bytes(UP + b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n" + UP)
            assert [(await connection.response()).status for _ in range(3)] == [200, 404, 200]
            for _ in range(3):
                response = await connection.request("GET", "/up")
                assert (response.version, response.status, response.json()) == (
                    "HTTP/1.1",
                    200,
                    {"health": "OK"},
                )
                assert response.headers["date"].endswith("GMT")

    run(main())


def test_pipelining_past_a_slow_answer_keeps_the_order(run: Run) -> None:
    from revurb.apps import FixedApps

    class Slow(FixedApps):
        async def find_by_id(self, app_id: str) -> App | None:  # type: ignore[override]
            await asyncio.sleep(0.01)
            return None

    async def main() -> None:
        async with Server(app_provider=Slow([APP]), port=0) as server, http(server.port) as connection:
            later = b"GET /apps/x/channels HTTP/1.1\r\nHost: x\r\n\r\n"
            await connection.send_bytes(later + UP + later + UP)
            assert [(await connection.response()).status for _ in range(4)] == [404, 200, 404, 200]

    run(main())


@pytest.mark.parametrize(
    "head", [b"GET /up HTTP/1.0\r\n\r\n", b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
)
def test_a_peer_that_wants_to_close_is_closed(run: Run, head: bytes) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            await connection.send_bytes(head)
            assert (await connection.response()).headers["connection"] == "close"
            with pytest.raises(Ended):
                await connection.response()

    run(main())


def test_a_request_in_pieces(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            for index in range(len(UP)):
                await connection.send_bytes(UP[index : index + 1])
            assert (await connection.response()).status == 200

    run(main())


def test_head_has_no_body(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            await connection.send_bytes(b"HEAD /up HTTP/1.1\r\nHost: x\r\n\r\n" + UP)
            assert (await connection.response(bodyless=True)).headers["content-length"] == "15"
            assert (await connection.response()).json() == {"health": "OK"}

    run(main())


def test_continue_is_said_when_it_is_waited_for(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            head = b"POST /apps/app-id/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            await connection.send_bytes(head)
            assert (await connection.response(bodyless=True)).status == 100
            await connection.send_bytes(b"{}")
            assert (await connection.response()).status == 401

    run(main())


def test_a_request_that_takes_too_long_is_told_and_closed(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0, request_timeout_s=0.3) as server:
            async with http(server.port) as connection:
                await connection.send_bytes(UP[:-1])
                assert (await connection.response()).status == 408
                with pytest.raises(Ended):
                    await connection.response()
            async with http(server.port) as silent:
                with pytest.raises(Ended):
                    await silent.response()

    run(main())


@pytest.mark.parametrize(
    "head",
    [
        b"GET /up HTTP/1.1\r\nHost: x\r\nX-Long: ",
        b"POST /apps/app-id/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    ],
    ids=["head", "body"],
)
def test_a_request_that_drips_is_told_and_closed(run: Run, head: bytes) -> None:
    """Each byte is a sign of life, and none of them gives the request more time."""

    async def main() -> None:
        async with (
            Server(apps=[APP], port=0, request_timeout_s=0.3) as server,
            http(server.port) as connection,
        ):
            await connection.send_bytes(head)
            answer = asyncio.ensure_future(connection.response())
            sent = 0
            while not answer.done():
                assert sent < 500, "it goes on for as long as the peer does"
                await connection.send_bytes(b"x")
                sent += 1
                await asyncio.wait((answer,), timeout=0.01)
            assert (await answer).status == 408
            with pytest.raises(Ended):
                await connection.response()

    run(main())


def test_an_idle_connection_is_closed_after_the_keep_alive_timeout(run: Run) -> None:
    async def main() -> None:
        async with (
            Server(apps=[APP], port=0, keep_alive_timeout_s=0.3) as server,
            http(server.port) as connection,
        ):
            assert (await connection.request("GET", "/up")).status == 200
            with pytest.raises(Ended):
                await connection.response()

    run(main())


def test_a_body_over_the_limit_is_413_and_names_it(run: Run) -> None:
    async def main() -> None:
        async with (
            Server(apps=[APP], port=0, max_request_size_bytes=10) as server,
            http(server.port) as connection,
        ):
            await connection.send_bytes(
                b"POST /apps/app-id/events HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
            )
            response = await connection.response()
            assert response.status == 413
            assert response.text.startswith("Payload too large.")
            with pytest.raises(Ended):
                await connection.response()

    run(main())


def test_what_is_not_http_is_400_and_closed(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            await connection.send_bytes(UP + b"nonsense\r\n\r\n")
            assert (await connection.response()).status == 200
            assert (await connection.response()).status == 400
            with pytest.raises(Ended):
                await connection.response()

    run(main())


def test_frames_right_behind_the_handshake_are_heard(run: Run) -> None:
    ping = b'{"event":"pusher:ping"}'
    frame = bytes([0x81, 0x80 | len(ping), 0, 0, 0, 0]) + ping

    async def main() -> None:
        async with Server(apps=[APP], port=0) as server:
            client = await dial(server.port, handshake("/app/app-key") + frame)
            await client.greeted()
            await client.expect("pusher:pong")
            await client.drop()

    run(main())


def test_an_upgrade_on_another_route_is_answered_as_http(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, http(server.port) as connection:
            await connection.send_bytes(handshake("/up"))
            response = await connection.response()
            assert (response.status, response.headers["connection"]) == (200, "close")

    run(main())


def test_many_connections_at_once(run: Run) -> None:
    async def one(port: int) -> None:
        async with connect(port) as client:
            await client.subscribe("a")
            await client.expect_silence()

    async def main() -> None:
        async with Server(apps=[APP], port=0) as server:
            await asyncio.gather(*(one(server.port) for _ in range(100)))

    run(main())
