from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from revurb.webhooks.bounded_connector import MAX_ANSWER_BYTES, AnswerTooLargeError, BoundedConnector


async def ask(answer: Callable[[asyncio.StreamWriter], Awaitable[None]], times: int = 1) -> list[int]:
    """The sizes of the bodies of answers on one connection."""
    connections: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    sizes = []
    try:
        async with aiohttp.ClientSession(connector=BoundedConnector()) as session, asyncio.timeout(30):
            for _ in range(times):
                async with session.get(url) as response:
                    sizes.append(len(await response.read()))
    finally:
        server.close()
    assert len(connections) == 1
    return sizes


async def test_each_answer_of_a_connection_has_the_whole_bound() -> None:
    size = MAX_ANSWER_BYTES - 100

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
        await writer.drain()

    assert await ask(answer, times=3) == [size] * 3


async def test_heads_without_end() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)
            await writer.drain()

    with pytest.raises(AnswerTooLargeError, match="answered with more than 98304 bytes"):
        await ask(answer)


async def test_a_body_without_end() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\na\r\n" * 100)
            await writer.drain()

    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(answer)
