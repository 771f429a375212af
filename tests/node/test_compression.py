"""Compressed events on a whole node, for the `websockets` library and for a client that looks at the frames."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any, Literal

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websockets_connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate

from revurb import App, Server
from revurb.wire.deflate import SharedPacker
from tests.client import BINARY, PATIENCE_S, TEXT, Client, Refused, connect, encode_frame
from tests.conftest import Run

APP = App(id="app-id", key="app-key", secret="app-secret", max_message_size_bytes=10_000)
OFFER = (("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),)
RSV1 = 4
Mode = Literal["shared", "dedicated"]
MODES: tuple[Mode, ...] = ("shared", "dedicated")


def serve(mode: Literal["off", "shared", "dedicated"], size: int = 512) -> Server:
    return Server(apps=[APP], port=0, close_timeout_s=0.2, compression=mode, compression_min_size_bytes=size)


def orders(seed: int, count: int) -> list[dict[str, object]]:
    """What an application sends: much the same, never quite."""
    chance = random.Random(seed)
    return [
        {"id": chance.randrange(10**9), "status": "shipped", "name": f"größe {at}"} for at in range(count)
    ]


async def event(client: ClientConnection, name: str) -> Any:
    message = json.loads(await client.recv())
    assert message["event"] == name, message
    return json.loads(message["data"])


def extension(client: ClientConnection) -> PerMessageDeflate:
    (found,) = client.protocol.extensions
    assert isinstance(found, PerMessageDeflate)
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "factory",
    [
        ClientPerMessageDeflateFactory(client_max_window_bits=True),
        ClientPerMessageDeflateFactory(),
        ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9),
        ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
    ],
    ids=["usual", "bare", "small-windows", "forgetful"],
)
def test_the_websockets_library(run: Run, mode: Mode, factory: ClientPerMessageDeflateFactory) -> None:
    async def main() -> None:
        async with (
            serve(mode) as server,
            websockets_connect(
                f"ws://127.0.0.1:{server.port}/app/app-key", extensions=[factory], compression=None
            ) as client,
        ):
            assert extension(client).remote_no_context_takeover == (
                mode == "shared" or bool(factory.server_no_context_takeover)
            )
            await event(client, "pusher:connection_established")
            for channel in ("news", "x" * 150):  # the client compresses all that it sends
                await client.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": channel}}))
                await event(client, "pusher_internal:subscription_succeeded")
            for seed in range(20):
                sent = orders(seed, seed * 3)
                await server.trigger("news", "orders", sent)
                assert await event(client, "orders") == sent

    run(main())


class Frames:
    """The frames of a tests.client.Client, inflated if they are compressed."""

    def __init__(self, client: Client, mode: Mode) -> None:
        self.client = client
        self.keeps = mode == "dedicated"
        self.stream = zlib.decompressobj(wbits=-15)

    async def next(self) -> tuple[bool, bytes]:
        """Whether the next one was compressed, and what it says."""
        frame = await self.client.receive(PATIENCE_S)
        assert (frame.opcode, frame.fin) == (TEXT, True)
        if not frame.rsv:
            return False, frame.payload
        assert frame.rsv == RSV1
        if not self.keeps:
            self.stream = zlib.decompressobj(wbits=-15)
        return True, self.stream.decompress(frame.payload + b"\x00\x00\xff\xff")


@pytest.mark.parametrize("mode", MODES)
def test_who_asked_gets_it_and_the_others_do_not(run: Run, mode: Mode) -> None:
    async def main() -> None:
        async with (
            serve(mode) as server,
            connect(server.port, headers=OFFER) as asked,
            connect(server.port) as plain,
            connect(server.port, headers=OFFER) as also,
        ):
            assert "permessage-deflate" in asked.response.headers["sec-websocket-extensions"]
            assert "sec-websocket-extensions" not in plain.response.headers
            for client in (asked, plain, also):
                await client.subscribe("news")
            readers = [Frames(client, mode) for client in (asked, plain, also)]
            for seed in range(5):
                await server.trigger("news", "big", orders(seed, 30))
                await server.trigger("news", "small", "x")
                big = [await reader.next() for reader in readers]
                small = [await reader.next() for reader in readers]
                assert [compressed for compressed, _ in big] == [True, False, True]
                assert [compressed for compressed, _ in small] == [False] * 3
                assert len({text for _, text in big}) == 1
                assert json.loads(json.loads(big[0][1])["data"]) == orders(seed, 30)

    run(main())


def test_shared_events_are_compressed_once_and_only_if_somebody_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    compress = SharedPacker._compress

    def counting(*arguments: Any) -> bytes:
        calls.append(arguments)
        return compress(*arguments)

    monkeypatch.setattr(SharedPacker, "_compress", counting)

    async def main() -> None:
        async with serve("shared") as server, connect(server.port) as plain:
            await plain.subscribe("news")
            await server.trigger("news", "big", orders(0, 50))
            await plain.expect("big")
            assert not calls
            async with (
                connect(server.port, headers=OFFER) as one,
                connect(server.port, headers=OFFER) as two,
                connect(server.port, headers=OFFER) as three,
            ):
                clients = (one, two, three)
                for client in clients:
                    await client.subscribe("news")
                for seed in range(10):
                    await server.trigger("news", "big", orders(seed, 50))
                    assert len({await Frames(client, "shared").next() for client in clients}) == 1
                    assert len(calls) == seed + 1

    run(main())


def test_a_cached_event_and_a_list_of_members_are_compressed_too(run: Run) -> None:
    async def main() -> None:
        async with serve("shared") as server, connect(server.port, headers=OFFER) as client:
            await server.trigger("cache-news", "big", orders(1, 30))
            await client.subscribe("cache-news")
            compressed, text = await Frames(client, "shared").next()
            assert compressed
            assert json.loads(text)["event"] == "big"

    run(main())


@pytest.mark.parametrize("mode", MODES)
def test_a_bomb_closes_its_connection(run: Run, mode: Mode) -> None:
    stream = zlib.compressobj(wbits=-15)
    bomb = (stream.compress(bytes(5_000_000)) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(bomb) < APP.max_message_size_bytes

    async def main() -> None:
        async with serve(mode) as server, connect(server.port, headers=OFFER) as client:
            await client.send_frame(BINARY, bomb, rsv=RSV1)
            assert await client.closed() == 1009
            async with connect(server.port, headers=OFFER) as other:
                await other.send_frame(TEXT, b"\xff\xff\xff", rsv=RSV1)
                assert await other.closed() == 1007

    run(main())


def test_many_small_bombs_in_one_piece_are_read_one_by_one(run: Run) -> None:
    """A thousand messages of 10 kB in 30 kB: the first is answered before the last is inflated."""
    stream = zlib.compressobj(wbits=-15)
    small = (stream.compress(b" " * 9000) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]

    async def main() -> None:
        async with serve("shared") as server, connect(server.port, headers=OFFER) as client:
            frames = [encode_frame(TEXT, small, rsv=RSV1) for _ in range(1000)]
            await client.send_bytes(b"".join(frames))
            for _ in range(1000):
                await client.expect_error(4200)

    run(main())


def test_one_that_compresses_is_heard_beside_one_that_does_not(run: Run) -> None:
    """The state machine that the other has done with cannot read what is compressed."""

    async def main() -> None:
        async with (
            serve("shared") as server,
            connect(server.port, APP.key) as plain,
            websockets_connect(f"ws://127.0.0.1:{server.port}/app/app-key") as compressing,
        ):
            await event(compressing, "pusher:connection_established")
            for _ in range(3):
                await plain.send({"event": "pusher:ping"})
                await plain.expect("pusher:pong")
                await compressing.send('{"event":"pusher:subscribe","data":{"channel":"a"}}')
                assert json.loads(await compressing.recv())["channel"] == "a"
            assert extension(compressing)

    run(main())


def test_off_is_as_before(run: Run) -> None:
    async def main() -> None:
        async with serve("off") as server, connect(server.port, headers=OFFER) as client:
            assert "sec-websocket-extensions" not in client.response.headers
            await client.subscribe("news")
            await server.trigger("news", "big", orders(1, 30))
            assert (await client.receive()).rsv == 0
            await client.send_frame(TEXT, b"", rsv=RSV1)
            assert await client.closed() == 1002

    run(main())


def test_what_cannot_be_read_is_refused_where_it_is_read(run: Run) -> None:
    bad = (("Sec-WebSocket-Extensions", "permessage-deflate; ="),)

    async def main() -> None:
        async with serve("off") as server, connect(server.port, headers=bad):
            pass
        async with serve("shared") as server:
            with pytest.raises(Refused, match="400"):
                async with connect(server.port, headers=bad):
                    pass

    run(main())


def test_settings_that_are_refused() -> None:
    with pytest.raises(ValueError, match="min_size_bytes"):
        serve("shared", 0)
    with pytest.raises(ValueError, match="off, shared or dedicated"):
        serve("on")  # type: ignore[arg-type]
