"""`revurb.Server` inside a program: several of them, on any loop, and what it refuses."""

from __future__ import annotations

import asyncio
import json

import pusher  # type: ignore[import-untyped]
import pytest
import websockets.sync.client

from revurb import App, ChannelInfo, Server
from revurb.transport.listener import ListenError
from tests.client import connect
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret")


OTHER = App(id="other-id", key="other-key", secret="other-secret")


def test_trigger_takes_json_text_and_several_channels(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, connect(server.port) as client:
            await client.subscribe("a")
            await client.subscribe("b")
            await server.trigger("a", "e", {"n": [1, "é"]})
            await server.trigger(["a", "b"], "e", "text")
            await server.trigger("a", "e", "not for you", socket_id=client.socket_id)
            events = [await client.expect("e") for _ in range(3)]
            assert [(event["channel"], event["data"]) for event in events] == [
                ("a", '{"n":[1,"é"]}'),
                ("a", "text"),
                ("b", "text"),
            ]
            await client.expect_silence()

    run(main())


def test_servers_in_one_process_share_nothing(run: Run) -> None:
    async def main() -> None:
        async with (
            Server(apps=[APP], port=0) as one,
            Server(apps=[APP], port=0) as two,
            connect(one.port) as of_one,
            connect(two.port) as of_two,
        ):
            await of_one.subscribe("a")
            await of_two.subscribe("a")
            await one.trigger("a", "e", 1)
            await of_one.expect("e")
            await of_two.expect_silence()

    run(main())


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop])
def test_it_runs_on_asyncios_own_loop(loop_factory: object) -> None:
    async def main() -> None:
        async with Server(apps=[APP], port=0) as server, connect(server.port) as client:
            await client.subscribe("a")
            await server.trigger("a", "e", 1)
            await client.expect("e")

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(main())


def test_which_app_must_be_said_where_there_are_several(run: Run) -> None:
    async def main() -> None:
        async with Server(apps=[APP, OTHER], port=0) as server:
            with pytest.raises(LookupError, match="2 apps"):
                await server.trigger("a", "e", 1)
            with pytest.raises(LookupError, match="'nope'"):
                await server.trigger("a", "e", 1, app_id="nope")
            await server.trigger("a", "e", 1, app_id="other-id")

    run(main())


def test_what_cannot_be_served_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="apps or an app_provider"):
        Server()
    with pytest.raises(ValueError, match="tls_key"):
        Server(apps=[APP], tls_cert="cert.pem")
    with pytest.raises(ValueError, match="path"):
        Server(apps=[APP], path="a b")


def test_before_the_start_and_after_the_end_the_error_says_so(run: Run) -> None:
    server = Server(apps=[APP], port=0)

    async def main() -> None:
        for _ in range(2):  # before, and after
            for call in (
                lambda: server.trigger("a", "e", 1),
                server.channels,
                lambda: server.users("presence-a"),
                lambda: server.terminate("7"),
            ):
                with pytest.raises(RuntimeError, match="the server is not running: enter it"):
                    call()  # also if nobody awaits it
            async with server:
                with pytest.raises(RuntimeError, match="running already"):
                    await server.start()
                await server.trigger("a", "e", 1)
                late = server.channels()
            with pytest.raises(RuntimeError, match="the server is not running: enter it"):
                await late

    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    run(main())


async def test_a_server_in_a_thread_is_not_called_from_elsewhere() -> None:
    server = Server(apps=[APP], port=0, record_events=True)
    with server as in_thread:
        with pytest.raises(RuntimeError, match="use what `with Server"):
            await server.trigger("a", "e", 1)
        in_thread.trigger("a", "e", 1)
        assert len(server.sent) == 1


def test_urls() -> None:
    server = Server(apps=[APP], host="::", port=8080, path="/ws")
    assert (server.url, server.ws_url) == ("http://[::1]:8080/ws", "ws://[::1]:8080/ws")
    server = Server(apps=[APP], host="0.0.0.0", port=8080)
    assert (server.url, server.ws_url) == ("http://127.0.0.1:8080", "ws://127.0.0.1:8080")


async def test_who_is_there_and_how_to_end_them() -> None:
    async with (
        Server(apps=[APP], port=0) as server,
        connect(server.port) as one,
        connect(server.port) as two,
    ):
        await one.subscribe("orders")
        await one.subscribe("presence-room", APP, {"user_id": "7"})
        await two.subscribe("presence-room", APP, {"user_id": 8})
        assert await server.channels() == {
            "presence-room": ChannelInfo(2, 2),
            "orders": ChannelInfo(1, 0),
        }
        assert await server.channels("pres") == {"presence-room": ChannelInfo(2, 2)}
        assert await server.users("presence-room") == ["7", 8]
        await server.terminate(8)
        assert await two.closed() == 4009
        assert await server.users("presence-room") == ["7"]


@pytest.mark.parametrize(
    ("signed", "told"),
    [
        ("12345678901234567890123", 12345678901234567890123),
        ("1.50", "1.50"),
        ("1e999", "1e999"),
        ("-5", -5),
        ("9" * 5000, "9" * 5000),
        ('"5"', "5"),
    ],
)
async def test_ids_are_told_as_they_end_them(signed: str, told: str | int) -> None:
    async with Server(apps=[APP], port=0) as server, connect(server.port) as client:
        data = f'{{"user_id":{signed}}}'
        auth = f"{APP.key}:{APP.sign(f'{client.socket_id}:presence-room:{data}')}"
        wanted = {"channel": "presence-room", "auth": auth, "channel_data": data}
        await client.send({"event": "pusher:subscribe", "data": wanted})
        await client.expect("pusher_internal:subscription_succeeded")
        assert await server.users("presence-room") == [told]
        await server.terminate(told)
        assert await client.closed() == 4009


async def test_users_who_have_signed_in() -> None:
    async with (
        Server(apps=[APP], port=0) as server,
        connect(server.port) as ann,
        connect(server.port) as bob,
    ):
        await ann.sign_in(APP, "ann")
        await bob.sign_in(APP, "bob", ["ann"])
        assert await bob.told_of() == ("online", ["ann"])
        await server.trigger("#server-to-user-ann", "note", {"n": 1})
        assert (await ann.expect("note", "#server-to-user-ann"))["data"] == '{"n":1}'
        await bob.expect_silence()
        assert await server.channels() == {}
        await server.terminate("ann")
        assert await ann.closed() == 4009
        assert await bob.told_of() == ("offline", ["ann"])
        with pytest.raises(ValueError, match="#online-ann"):
            await server.trigger(["a", "#online-ann"], "note", 1)


async def test_who_has_to_sign_in_and_does_not_is_closed() -> None:
    app = App(id="2", key="strict-key", secret="strict-secret", user_authentication_timeout_s=1)
    async with (
        Server(apps=[APP, app], port=0) as server,
        connect(server.port, "strict-key") as stranger,
        connect(server.port, "strict-key") as user,
        connect(server.port) as elsewhere,
    ):
        await user.sign_in(app, "7")
        assert await stranger.expect_error(4009) == "Connection not authorized within timeout."
        assert await stranger.closed() == 4009
        for client in (user, elsewhere):
            await client.expect_silence()


async def test_what_cannot_be_sent() -> None:
    async with Server(apps=[APP], port=0) as server:
        for channels, event, data in ((5, "e", 1), (["a", 5], "e", 1), ("a", 5, 1), ("a", "e", object())):
            with pytest.raises(TypeError):
                await server.trigger(channels, event, data)  # type: ignore[arg-type]


def test_without_a_loop_a_blocking_sdk_is_served() -> None:
    app = App(id="7", key="other-key", secret="other-secret")  # the SDK takes no id but a number
    with Server(apps=[app], port=0, record_events=True) as server:
        sdk = pusher.Pusher(
            app_id=app.id, key=app.key, secret=app.secret, host="127.0.0.1", port=server.port, ssl=False
        )
        with websockets.sync.client.connect(f"{server.ws_url}/app/other-key?protocol=7") as client:
            assert json.loads(client.recv(10))["event"] == "pusher:connection_established"
            client.send('{"event":"pusher:subscribe","data":{"channel":"orders"}}')
            client.recv(10)
            sdk.trigger("orders", "created", {"id": 7})
            assert json.loads(client.recv(10))["data"] == '{"id": 7}'
            server.trigger("orders", "gone", {"id": 7})
            assert json.loads(client.recv(10))["event"] == "gone"
            assert server.channels() == {"orders": ChannelInfo(1, 0)}
            assert server.users("presence-room") == []
            server.terminate("nobody")
        assert [event.event for event in server.sent] == ["created", "gone"]
        assert server.url == f"http://127.0.0.1:{server.port}"
    with pytest.raises(RuntimeError, match="not running"):
        server.trigger("orders", "late", {})


def test_an_address_that_is_taken_is_told_where_it_was_entered() -> None:
    with Server(apps=[APP], port=0) as server:
        second = Server(apps=[APP], port=server.port)
        with pytest.raises(ListenError, match="address already in use"):
            second.__enter__()


async def test_two_colons_are_both_families() -> None:
    async with Server(apps=[App(id="1", key="k", secret="s")], host="[::]", port=0) as server:
        assert server.url == f"http://[::1]:{server.port}"
        for address in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(address, server.port)
            writer.write(b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(5):
                assert (await reader.read()).endswith(b'{"health":"OK"}')
            writer.close()
