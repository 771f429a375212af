"""What one address may do: handshakes in a second, connections at a time, and a ban for those that are refused often.

An address of IPv6 stands for its /64, which is what one subscriber has. Nobody is held to these limits on loopback, on
a Unix socket and as a trusted proxy: whose requests come from there is not known. Each process counts for itself.

Plan: a visitor is kept for each address that was here lately, MAX_VISITORS at most; the one that was not here for the
longest is forgotten. Connections are counted beside that, for as long as they are open.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from revurb.pusher.rates import TokenBucket
from revurb.transport.trusted_proxies import TrustedProxies, address_in

MAX_VISITORS = 20_000  # 6 MB
OFFENCES_S = 60.0  # after which offences are forgotten
_PREFIX = 64


class AddressLimits(NamedTuple):
    """None is no limit. `ban_after` are refusals in OFFENCES_S."""

    handshakes_per_second: int | None = None
    connections: int | None = None
    ban_after: int | None = None
    ban_s: float = 600.0

    @property
    def are_set(self) -> bool:
        return any(
            limit is not None for limit in (self.handshakes_per_second, self.connections, self.ban_after)
        )


class _Visitor:
    __slots__ = ("banned_until", "bucket", "offences", "offences_end")

    def __init__(self, bucket: TokenBucket | None) -> None:
        self.bucket = bucket
        self.offences = 0
        self.offences_end = self.banned_until = 0.0


class AddressGuard:
    """Counts for a node. A client is given as text, with or without a port."""

    def __init__(
        self, limits: AddressLimits, proxies: TrustedProxies, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits
        self._clock = clock
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()
        self._connections: dict[str, int] = {}
        self._proxies = proxies
        self.key_of = functools.lru_cache(maxsize=4096)(self._key_of)

    def wait_s(self, client: str) -> int:
        """Count a handshake. Returns 0, or the seconds for which there may be none."""
        key = self.key_of(client)
        if key is None:
            return 0
        now = self._clock()
        visitor = self._visitor(key, now)
        if visitor.banned_until > now:
            return math.ceil(visitor.banned_until - now)
        return 0 if visitor.bucket is None else math.ceil(visitor.bucket.take(1, now))

    def offended(self, client: str) -> bool:
        """A handshake was refused for what it asked for, or was one too many. Returns whether its address is banned for
        that, from now on."""
        key, most = self.key_of(client), self.limits.ban_after
        if key is None or most is None:
            return False
        now = self._clock()
        visitor = self._visitor(key, now)
        if visitor.banned_until > now:
            return False
        if now >= visitor.offences_end:
            visitor.offences, visitor.offences_end = 0, now + OFFENCES_S
        visitor.offences += 1
        if visitor.offences < most:
            return False
        visitor.offences, visitor.banned_until = 0, now + self.limits.ban_s
        return True

    def enter(self, client: str) -> bool:
        """Count one more connection. False, and nothing is counted, if the address has as many as it may."""
        key, most = self.key_of(client), self.limits.connections
        if key is None or most is None:
            return True
        count = self._connections.get(key, 0)
        if count >= most:
            return False
        self._connections[key] = count + 1
        return True

    def leave(self, client: str) -> None:
        """Undo one `enter` that was granted."""
        key = self.key_of(client)
        count = 0 if key is None else self._connections.get(key, 0)
        if key is None or not count:
            return
        if count == 1:
            del self._connections[key]
        else:
            self._connections[key] = count - 1

    def _visitor(self, key: str, now: float) -> _Visitor:
        visitor = self._visitors.get(key)
        if visitor is not None:
            self._visitors.move_to_end(key)
            return visitor
        rate = self.limits.handshakes_per_second
        visitor = _Visitor(None if rate is None else TokenBucket(rate, now))
        self._visitors[key] = visitor
        if len(self._visitors) > MAX_VISITORS:
            self._visitors.popitem(last=False)
        return visitor

    def _key_of(self, client: str) -> str | None:
        """What the address of a client is counted as; None if it is not."""
        address = address_in(client)
        if address is None or address.is_loopback or self._proxies.is_listed(address):
            return None
        if isinstance(address, ipaddress.IPv4Address):
            return str(address)
        return str(ipaddress.ip_network((address, _PREFIX), strict=False))
