"""The descriptor of a transport is found without making a socket of it, and is the right one."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakValueDictionary

import pytest

from revurb.transport import descriptor
from revurb.transport.descriptor import descriptor_of


async def accepted(count: int) -> list[asyncio.Transport]:
    """Transports of connections that were accepted, which stay open."""
    made: list[Any] = []

    class Keeping(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Keeping, "127.0.0.1", 0)
    for _ in range(count):
        await loop.create_connection(asyncio.Protocol, "127.0.0.1", server.sockets[0].getsockname()[1])
    async with asyncio.timeout(5):
        while len(made) < count:
            await asyncio.sleep(0)
    server.close()
    return made


@pytest.mark.parametrize("is_key", [None, True, False])
async def test_of_transports(monkeypatch: pytest.MonkeyPatch, is_key: bool | None) -> None:
    monkeypatch.setattr(descriptor, "_is_key", is_key)
    transports = await accepted(3)
    found = [descriptor_of(each) for each in transports]
    assert found == [each.get_extra_info("socket").fileno() for each in transports]
    assert len(set(found)) == 3
    for each in transports:
        each.abort()


class Socket:
    def fileno(self) -> int:
        return 7


class Strange:
    """A transport that somebody else has numbered."""

    def get_extra_info(self, name: str) -> Socket:
        return Socket()


def test_a_number_that_is_none_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptor, "_is_key", None)
    strange: Any = Strange()
    assert descriptor_of(strange) == 7
    others: WeakValueDictionary[int, Strange] = WeakValueDictionary({3: strange})
    assert descriptor_of(strange) == 7
    assert descriptor._is_key is False
    assert others[3] is strange
