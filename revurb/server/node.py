"""One node in one process: the composition root, the only file that knows every layer.

Plan: clients' messages go connection -> session -> bus; requests go connection -> gateway -> api -> trigger -> bus;
the bus brings every event back to `Trigger.deliver`. One timer turns the wheel for all connections.
"""

from __future__ import annotations

import asyncio
import logging
import time
from email.utils import formatdate

from revurb.api.endpoint import Api
from revurb.apps import App, AppProvider, FixedApps
from revurb.bus.local import LocalBus
from revurb.config import Config
from revurb.observe.counters import Counters
from revurb.observe.trace import MessageTrace
from revurb.pusher.registry import Registry
from revurb.pusher.triggering import Trigger
from revurb.server.gateway import Gateway
from revurb.transport.acceptor import Acceptor
from revurb.transport.listener import listen_tcp, listen_unix
from revurb.transport.ports import TransportLimits
from revurb.transport.tls import ServerTls
from revurb.transport.wheel import TICK_S
from revurb.wire.deflate import Compression

_log = logging.getLogger(__name__)

RESTARTING = 4200  # Pusher clients reconnect at once
CACHE_SWEEP_S = 10.0


class Node:
    """Serves the apps of `config`, or of `apps` if given, from `start` to `stop`.

    Everything it holds hangs below it: several nodes run in one process without knowing of each other.
    """

    def __init__(self, config: Config, apps: AppProvider | None = None) -> None:
        self.config = config
        self.apps = apps if apps is not None else FixedApps(config.apps)
        self.counters = Counters()
        self.port = config.server.port
        self._registry = Registry(config.limits.cache_ttl_s, time.monotonic)
        self._trigger = Trigger(self._registry)
        self._bus = self._trigger.publisher = LocalBus(self._trigger.deliver)
        self._tls = (
            ServerTls(config.tls.cert, config.tls.key, config.tls.key_password)
            if config.tls.cert is not None and config.tls.key is not None
            else None
        )
        self._compression = _compression(config)
        self._listeners: list[asyncio.AbstractServer] = []
        self._timer: asyncio.TimerHandle | None = None
        self._date = ""
        self._swept_at = 0.0

    @property
    def scheme(self) -> str:
        return "http" if self._tls is None else "https"

    async def start(self) -> None:
        """Listen. Raises ListenError, and leaves nothing behind, if an address is not to be had."""
        config, loop = self.config, asyncio.get_running_loop()
        self._acceptor = Acceptor(
            self._gateway(), _transport_limits(config), self.counters, loop, lambda: self._date
        )
        self._turn(loop)
        try:
            tls = self._tls.context if self._tls is not None else None
            server, self.port = await listen_tcp(
                self._acceptor.connection, config.server.host, config.server.port, tls
            )
            self._listeners.append(server)
            if config.server.unix_socket is not None:
                unix = await listen_unix(
                    self._acceptor.connection, config.server.unix_socket, config.server.unix_socket_mode
                )
                self._listeners.append(unix)
        except BaseException:
            await self.stop(drain_timeout_s=0)
            raise

    async def stop(self, drain_timeout_s: float | None = None) -> None:
        """Stop accepting, finish the requests in flight, close every WebSocket with 4200, and drop whatever is left
        after `drain_timeout_s` (seconds; the configured one by default)."""
        if self._timer is None:
            return
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        timeout_s = self.config.server.drain_timeout_s if drain_timeout_s is None else drain_timeout_s
        empty = asyncio.Event()
        self._acceptor.on_empty = empty.set
        self._acceptor.drain(RESTARTING, "Server is restarting")
        try:
            await asyncio.wait_for(empty.wait(), timeout_s)
        except TimeoutError:
            self._acceptor.abort()
        self._timer.cancel()
        self._timer = None

    def reload_tls(self) -> None:
        """Read the certificate again. Raises TlsError, and keeps the old one, if it cannot be used."""
        if self._tls is not None:
            self._tls.reload()

    def trigger(
        self, app: App, channels: list[str], event: str, data: str, except_socket_id: str | None = None
    ) -> None:
        """Send an event as if it had come over the HTTP API."""
        self._trigger.send(app, channels, event, data, except_socket_id)

    def _gateway(self) -> Gateway:
        config = self.config
        api = Api(
            self.apps,
            self._registry,
            self._trigger,
            path=config.server.path,
            signature_max_age_s=config.limits.signature_max_age_s,
            clock=time.time,
        )
        return Gateway(
            api,
            self.apps,
            self._registry,
            self._bus,
            max_connections=config.limits.max_connections,
            trace=MessageTrace() if config.log.debug else None,
            compression=self._compression,
        )

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = loop.call_later(TICK_S, self._turn, loop)
        self._date = formatdate(usegmt=True)
        self._acceptor.wheel.turn(now)
        if now - self._swept_at >= CACHE_SWEEP_S:
            self._swept_at = now
            self._registry.expire_caches()


def _compression(config: Config) -> Compression | None:
    mode = config.compression.mode
    return None if mode == "off" else Compression(mode, config.compression.min_size_bytes)


def _transport_limits(config: Config) -> TransportLimits:
    limits = config.limits
    return TransportLimits(
        max_head_bytes=limits.max_head_size_bytes,
        max_body_bytes=limits.max_request_size_bytes,
        max_queued_bytes=limits.max_queued_bytes,
        request_timeout_s=limits.request_timeout_s,
        keep_alive_timeout_s=limits.keep_alive_timeout_s,
        pong_timeout_s=limits.pong_timeout_s,
        close_timeout_s=limits.close_timeout_s,
    )
