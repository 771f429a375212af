from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from revurb.webhooks.name_lookup import MAX_LOOKUPS, NameLookup, RefusedAddressError, refuse_private


def entries(*addresses: str) -> list[tuple[Any, ...]]:
    return [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 80, 0, 0))
        if ":" in address
        else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in addresses
    ]


class NameServer:
    """Answers with the same addresses, and only while it is `open`."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.open = threading.Event()
        self.open.set()
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **options: Any) -> Sequence[tuple[Any, ...]]:
        self.asked.append(host)
        assert self.open.wait(60)
        return entries(*self.addresses)


async def test_a_name_of_this_host() -> None:
    found = await NameLookup(allow_private=True).resolve("localhost", 80, socket.AF_INET)
    assert [(result["host"], result["port"], result["hostname"]) for result in found] == [
        ("127.0.0.1", 80, "localhost")
    ]


async def test_a_private_address_is_refused() -> None:
    with pytest.raises(RefusedAddressError, match=r"localhost is at .*, which is loopback"):
        await NameLookup(allow_private=False).resolve("localhost", 80)


async def test_of_several_addresses_the_public_ones_are_left() -> None:
    server = NameServer("10.0.0.1", "1.1.1.1", "::1", "2606:4700::1")
    found = await NameLookup(allow_private=False, lookup=server).resolve("example.com", 80)
    assert [result["host"] for result in found] == ["1.1.1.1", "2606:4700::1"]
    assert len(await NameLookup(allow_private=True, lookup=server).resolve("example.com", 80)) == 4


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
async def test_other_ways_to_write_loopback(host: str) -> None:
    with pytest.raises(RefusedAddressError, match="loopback"):
        await NameLookup(allow_private=False).resolve(host, 80)


async def test_no_name_of_a_host() -> None:
    for host in ("nowhere.invalid", "a" * 64 + ".com", "..", "a..b"):
        with pytest.raises(OSError, match=r".") as caught:
            await NameLookup(allow_private=True).resolve(host, 80)
        assert not isinstance(caught.value, RefusedAddressError)


async def test_a_name_is_looked_up_once_at_a_time_and_who_waits_may_go() -> None:
    server = NameServer("1.1.1.1")
    server.open.clear()
    lookup = NameLookup(allow_private=False, lookup=server)
    first = asyncio.ensure_future(lookup.resolve("slow.example", 80))
    second = asyncio.ensure_future(lookup.resolve("slow.example", 80))
    await asyncio.sleep(0)
    first.cancel()
    third = asyncio.ensure_future(lookup.resolve("slow.example", 80))
    await asyncio.sleep(0)
    server.open.set()
    assert [result["host"] for result in await second] == ["1.1.1.1"]
    assert [result["host"] for result in await third] == ["1.1.1.1"]
    assert server.asked == ["slow.example"]
    await lookup.resolve("slow.example", 80)
    assert len(server.asked) == 2


async def test_names_that_hang_are_bounded() -> None:
    server = NameServer("1.1.1.1")
    server.open.clear()
    lookup = NameLookup(allow_private=False, lookup=server)
    server.open.set()
    await lookup.resolve("known.example", 80)
    server.open.clear()
    hanging = [
        asyncio.ensure_future(lookup.resolve(f"{number}.example", 80)) for number in range(MAX_LOOKUPS)
    ]
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="32 names are being looked up"):
        await lookup.resolve("one-more.example", 80)
    assert [result["host"] for result in await lookup.resolve("known.example", 80)] == ["1.1.1.1"]
    server.open.set()
    assert len(await asyncio.gather(*hanging)) == MAX_LOOKUPS
    assert await lookup.resolve("one-more.example", 80)
    await lookup.close()


def test_an_address_in_a_url_is_refused_by_itself() -> None:
    with pytest.raises(RefusedAddressError, match=r"^10\.0\.0\.1, which is private; REVURB_WEBHOOKS_ALLOW"):
        refuse_private("10.0.0.1", "10.0.0.1")
    refuse_private("example.com", "1.1.1.1")
