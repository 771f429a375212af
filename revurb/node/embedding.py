"""`Server`: a node in the process of another program or of a test.

async with revurb.Server(apps=[App(id="1", key="k", secret="s")], port=0) as server:
    await server.trigger("orders", "created", {"id": 7})
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self, TypedDict, Unpack

import orjson

from revurb.apps import App, AppProvider
from revurb.config import CompressionConfig, Config, LimitsConfig, LogConfig, ServerConfig, TlsConfig
from revurb.node.node import Node
from revurb.wire.deflate import Mode


class Limits(TypedDict, total=False):
    """The limits of a node by their names in the configuration. docs/configuration.md describes each one."""

    max_request_size_bytes: int
    max_batch_size_bytes: int
    max_head_size_bytes: int
    request_timeout_s: float
    keep_alive_timeout_s: float
    signature_max_age_s: int
    pong_timeout_s: float
    close_timeout_s: float
    max_queued_bytes: int
    max_queued_total_bytes: int | None
    max_connections: int | None
    cache_ttl_s: int
    max_cached_bytes: int


class Server:
    """A node as an asynchronous context manager: it listens inside the block, and drains at its end.

    Reads no file and no environment variable. Runs on the asyncio loop in which it is entered. Several run side by side
    and share nothing.
    """

    def __init__(
        self,
        *,
        apps: Iterable[App] = (),
        app_provider: AppProvider | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        path: str = "",
        unix_socket: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        drain_timeout_s: float = 10.0,
        compression: Mode = "off",
        compression_min_size_bytes: int = 512,
        debug: bool = False,
        **limits: Unpack[Limits],
    ) -> None:
        """`port` 0 takes a free port. Raises ValueError if there is no app, only one of `tls_cert` and `tls_key`, or an
        invalid value."""
        config = Config(
            server=ServerConfig(
                host=host, port=port, path=path, unix_socket=unix_socket, drain_timeout_s=drain_timeout_s
            ),
            tls=TlsConfig(cert=tls_cert, key=tls_key),
            limits=LimitsConfig(**limits),
            compression=CompressionConfig(mode=compression, min_size_bytes=compression_min_size_bytes),
            log=LogConfig(debug=debug),
            apps=tuple(apps),
        )
        if not config.apps and app_provider is None:
            raise ValueError("a server needs apps or an app_provider")
        if (tls_cert is None) != (tls_key is None):
            raise ValueError("TLS needs both tls_cert and tls_key")
        if path and not (path.startswith("/") and not path.endswith("/")):
            raise ValueError(f"path must be empty or begin with a slash and not end with one, not {path!r}")
        self._node = Node(config, app_provider)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises ListenError if the address cannot be bound."""
        await self._node.start()

    async def stop(self) -> None:
        """Drain as `revurb serve` does on SIGTERM: WebSockets are closed with 4200, so that clients reconnect, and
        requests in flight finish."""
        await self._node.stop()

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return self._node.port

    @property
    def url(self) -> str:
        """`http://127.0.0.1:8080/prefix`, for server SDKs."""
        server = self._node.config.server
        return f"{self._node.scheme}://{server.host}:{self.port}{server.path}"

    async def trigger(
        self,
        channels: str | Iterable[str],
        event: str,
        data: object,
        *,
        app_id: str | None = None,
        socket_id: str | None = None,
    ) -> None:
        """Send an event to one channel or several, but not to `socket_id`. Returns when the bus has accepted it. Waits
        before while more than `max_queued_total_bytes` is on its way to clients.

        `data` that is not a string is encoded as JSON, as the Pusher SDKs do. `app_id` may be left out if there is only
        one app. Raises LookupError for an unknown app, TypeError for data that cannot be encoded.
        """
        app = await self._find(app_id)
        text = data if isinstance(data, str) else orjson.dumps(data).decode()
        names = [channels] if isinstance(channels, str) else list(channels)
        await self._node.wait_for_room()
        accepted = self._node.trigger(app, names, event, text, socket_id)
        if accepted is not None:
            await accepted

    async def _find(self, app_id: str | None) -> App:
        if app_id is None:
            apps = self._node.apps.all()
            if len(apps) != 1:
                raise LookupError(f"there are {len(apps)} apps: say which one with app_id")
            return apps[0]
        result = self._node.apps.find_by_id(app_id)
        app = result if result is None or isinstance(result, App) else await result
        if app is None:
            raise LookupError(f"there is no app with the id {app_id!r}")
        return app
