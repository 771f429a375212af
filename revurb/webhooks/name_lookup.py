"""Looks up the addresses of hosts for webhooks, and refuses those that are not public.

In threads of its own: whoever runs the name server of a target decides how long a look-up takes, and must not hold up
those of Redis, nor the end of the process. A name is looked up once at a time, whoever asks, so that one target has one
thread at most. While `MAX_LOOKUPS` are under way a name has the addresses that it had before; one that was never found
has failed, and is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from revurb.apps.public_address import non_public_kind

MAX_LOOKUPS = 32
MAX_KNOWN_NAMES = 1000
Lookup = Callable[..., Sequence[tuple[Any, ...]]]


class RefusedAddressError(OSError):
    """A request would go to an address that is not public."""


def refuse_private(host: str, address: str) -> None:
    """Raises RefusedAddressError unless `address`, of `host`, is public."""
    kind = non_public_kind(address)
    if kind is not None:
        at = "" if host == address else f"{host} is at "
        raise RefusedAddressError(
            f"{at}{address}, which is {kind}; REVURB_WEBHOOKS_ALLOW_PRIVATE allows that"
        )


class NameLookup(AbstractResolver):
    """The resolver of a session. `lookup` is `socket.getaddrinfo`, or takes and returns what that does."""

    def __init__(self, *, allow_private: bool, lookup: Lookup = socket.getaddrinfo) -> None:
        self._allow_private = allow_private
        self._lookup = lookup
        self._under_way: dict[tuple[str, int, int], asyncio.Future[Sequence[tuple[Any, ...]]]] = {}
        self._known: dict[tuple[str, int, int], Sequence[tuple[Any, ...]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host that may be connected to. Raises OSError if there are none."""
        key = (host, port, int(family))
        found = [_result(host, *entry) for entry in await self._entries(key)]
        if self._allow_private:
            return found
        allowed = [result for result in found if non_public_kind(result["host"]) is None]
        if found and not allowed:
            refuse_private(host, found[0]["host"])
        return allowed

    async def close(self) -> None:
        """Nothing to do: threads end when their name server answers, and hold nothing up."""

    async def _entries(self, key: tuple[str, int, int]) -> Sequence[tuple[Any, ...]]:
        future = self._under_way.get(key)
        if future is None:
            if len(self._under_way) >= MAX_LOOKUPS:
                if key in self._known:
                    return self._known[key]
                raise OSError(f"{MAX_LOOKUPS} names are being looked up")
            future = self._under_way[key] = asyncio.get_running_loop().create_future()
            future.add_done_callback(lambda done: self._forget(key, done))
            threading.Thread(target=self._run, args=(future, key), name="webhook name", daemon=True).start()
        return await asyncio.shield(future)

    def _forget(self, key: tuple[str, int, int], done: asyncio.Future[Sequence[tuple[Any, ...]]]) -> None:
        self._under_way.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._known.pop(key, None)
        self._known[key] = done.result()
        if len(self._known) > MAX_KNOWN_NAMES:
            del self._known[next(iter(self._known))]

    def _run(self, future: asyncio.Future[Sequence[tuple[Any, ...]]], key: tuple[str, int, int]) -> None:
        """In the thread."""
        host, port, family = key
        found: Sequence[tuple[Any, ...]] = ()
        error: Exception | None = None
        try:
            found = self._lookup(host, port, family=family, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as raised:
            error = raised if isinstance(raised, OSError) else OSError(f"{host} is no name of a host")

        def tell() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(found)
            else:
                future.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop is closed
            future.get_loop().call_soon_threadsafe(tell)


def _result(
    host: str, family: int, kind: int, proto: int, name: str, address: tuple[Any, ...]
) -> ResolveResult:
    """One entry of getaddrinfo. A link-local address of IPv6 keeps the interface that it is on."""
    numeric = str(address[0])
    if family == socket.AF_INET6 and len(address) > 3 and address[3] and "%" not in numeric:
        numeric = f"{numeric}%{address[3]}"
    return ResolveResult(
        hostname=host,
        host=numeric,
        port=int(address[1]),
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
