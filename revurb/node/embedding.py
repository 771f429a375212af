"""`Server`: a node in the process of another program or of a test.

async with revurb.Server(apps=[App(id="1", key="k", secret="s")], port=0) as server:
    await server.trigger("orders", "created", {"id": 7})

with revurb.Server(apps=[App(id="1", key="k", secret="s")], port=0) as server:  # without an event loop
    server.trigger("orders", "created", {"id": 7})
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack

from revurb.apps import App, AppProvider
from revurb.config.normalization import shown_addresses
from revurb.node.channel_info import ChannelInfo, signed_id
from revurb.node.hook_loading import checked_hooks
from revurb.node.loop_thread import LoopThread
from revurb.node.node import Node
from revurb.node.node_source import NodeSource, start_with_admin
from revurb.node.recorded_events import MAX_RECORDED_EVENTS, SentEvent
from revurb.node.server_arguments import (
    Limits,
    channel_names,
    check_limits,
    config_of_arguments,
    json_text,
    text,
    user_id_text,
)
from revurb.pusher.channel_name import is_reserved
from revurb.pusher.ports import MaybeAwaitable
from revurb.wire.deflate import Mode

if TYPE_CHECKING:
    from revurb.console.admin_listener import AdminListener

P = ParamSpec("P")
T = TypeVar("T")


def _on_its_loop(
    method: Callable[Concatenate[Server, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Server, P], Coroutine[Any, Any, T]]:
    """Makes `method` raise at once, and not where it is awaited: a program without a loop would not notice."""

    @wraps(method)
    def checked(self: Server, /, *args: P.args, **named: P.kwargs) -> Coroutine[Any, Any, T]:
        if self._thread is not None or not self._is_running:
            self._check_caller()
        return method(self, *args, **named)

    return checked


class Server:
    """A node as a context manager: it listens inside the block, and drains at its end.

    "async with" runs it on the asyncio loop in which it is entered, and gives the Server itself. A blocking call in
    that loop, such as one of Pusher's SDK, waits for ever then, since nobody is left to answer it: use
    `Server.trigger`, or `asyncio.to_thread`. "with" runs it on a loop of its own in a thread, and gives a
    `ThreadedServer`, whose methods are the same and block.

    Reads no file and no environment variable. Several run side by side and share nothing.
    """

    def __init__(
        self,
        *,
        apps: Iterable[App] = (),
        app_provider: AppProvider | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        path: str = "",
        unix_socket: str | os.PathLike[str] | None = None,
        trusted_proxies: Sequence[str] | None = None,
        proxy_protocol: bool = False,
        cors_origins: Sequence[str] | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
        drain_timeout_s: float = 8.0,
        compression: Mode = "off",
        compression_min_size_bytes: int = 512,
        debug: bool = False,
        access_log: Literal["off", "connections", "all"] = "off",
        access_log_sample: float = 1.0,
        record_events: bool = False,
        hooks: object = (),
        hooks_timeout_s: float = 1.0,
        hooks_on_failure: Literal["allow", "refuse"] = "allow",
        hooks_sample: int = 100,
        webhooks_allow_private: bool = False,
        webhooks_smoothing_s: float = 3.0,
        webhooks_dead_letters: str | os.PathLike[str] | None = None,
        admin_port: int | None = None,
        admin_host: str = "127.0.0.1",
        admin_token: str | None = None,
        **limits: Unpack[Limits],
    ) -> None:
        """`port` 0 takes a free port. With `record_events`, `sent` has the events that were triggered.
        `hooks` is an object whose methods are called, or several: docs/hooks.md has them.

        Raises TypeError or ValueError with the name of an argument that has a wrong type or value, TlsError for a
        certificate that cannot be used, ConfigError for webhooks without an HTTP client."""
        config = config_of_arguments(
            apps,
            app_provider,
            {
                "host": host,
                "port": port,
                "path": path,
                "unix_socket": unix_socket,
                "trusted_proxies": trusted_proxies,
                "proxy_protocol": proxy_protocol,
                "cors_origins": cors_origins,
                "tls_cert": tls_cert,
                "tls_key": tls_key,
                "drain_timeout_s": drain_timeout_s,
                "compression": compression,
                "compression_min_size_bytes": compression_min_size_bytes,
                "debug": debug,
                "access_log": access_log,
                "access_log_sample": access_log_sample,
                "hooks_timeout_s": hooks_timeout_s,
                "hooks_on_failure": hooks_on_failure,
                "hooks_sample": hooks_sample,
                "webhooks_allow_private": webhooks_allow_private,
                "webhooks_smoothing_s": webhooks_smoothing_s,
                "webhooks_dead_letters": webhooks_dead_letters,
                "admin_port": admin_port,
                "admin_host": admin_host,
                "admin_token": admin_token,
                **limits,
            },
        )
        if not isinstance(record_events, bool):
            raise TypeError(f"Server.record_events: found {record_events!r}; allowed: true or false")
        self._sent: deque[SentEvent] | None = deque(maxlen=MAX_RECORDED_EVENTS) if record_events else None
        self._node = Node(config, app_provider, record=self._sent, hooks=checked_hooks(hooks))
        self._is_running = False
        self._admin: AdminListener | None = None
        self._thread: LoopThread | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    def __enter__(self) -> ThreadedServer:
        thread = LoopThread(self.start, self.stop)
        thread.start()
        self._thread = thread
        return ThreadedServer(self, thread)

    def __exit__(self, *exc_info: object) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    async def start(self) -> None:
        """Listen. Raises ListenError if the address cannot be bound, RuntimeError if it listens already."""
        if self._is_running:
            raise RuntimeError("the server is running already")
        self._is_running = True
        try:
            self._admin = await start_with_admin(self._node, NodeSource(self._node))
        except BaseException:
            self._is_running = False
            raise

    async def stop(self) -> None:
        """Drain as `revurb serve` does on SIGTERM: WebSockets are closed with 4200, so that clients reconnect, and
        requests in flight finish."""
        self._is_running = False
        await self._node.stop()
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    @property
    def port(self) -> int:
        """The port on which the server listens. Raises RuntimeError if it is not known yet."""
        if self._node.port == 0:
            self._check_running()
        return self._node.port

    @property
    def admin_port(self) -> int | None:
        """The port of the admin listener; None without one."""
        return None if self._admin is None else self._admin.port

    @property
    def url(self) -> str:
        """`http://127.0.0.1:8080/prefix`, for server SDKs."""
        return self._url("http")

    @property
    def ws_url(self) -> str:
        """`ws://127.0.0.1:8080/prefix`; clients connect to `/app/KEY` below it."""
        return self._url("ws")

    def _url(self, scheme: str) -> str:
        server = self._node.config.server
        address = shown_addresses(server.reachable_host, self.port)
        return f"{scheme}{'s' if self._node.scheme == 'https' else ''}://{address}{server.path}"

    @property
    def sent(self) -> list[SentEvent]:
        """The events that were triggered here and over the HTTP API, the last 10,000 of them, in order. Raises
        RuntimeError without `record_events`."""
        if self._sent is None:
            raise RuntimeError("events are not recorded: Server(..., record_events=True) does")
        return list(self._sent)

    @_on_its_loop
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
        one app. Raises RuntimeError if the server is not running, LookupError for an unknown app, TypeError or
        ValueError with the name of an argument that has a wrong type or value.
        """
        app = await self._find(app_id)
        names, data_text = channel_names(channels), json_text(data)
        text("trigger", "event", event)
        if socket_id is not None:
            text("trigger", "socket_id", socket_id)
        if app.limits is not None:
            check_limits(app, names, event, data_text)
        await self._node.wait_for_room()
        await _ready(self._node.trigger(app, names, event, data_text, socket_id))

    @_on_its_loop
    async def channels(self, prefix: str = "", *, app_id: str | None = None) -> dict[str, ChannelInfo]:
        """The channels that have subscribers and whose names begin with `prefix`, without those of users. Raises as
        `trigger` does."""
        app = await self._find(app_id)
        text("channels", "prefix", prefix, may_be_empty=True)
        found = await _ready(self._node.channels(app, prefix))
        return {
            name: ChannelInfo(state.subscription_count, state.user_count)
            for name, state in found.items()
            if not is_reserved(name)
        }

    @_on_its_loop
    async def users(self, channel: str, *, app_id: str | None = None) -> list[str | int]:
        """The ids of the users on a presence channel: texts, and numbers where the application has signed whole ones.
        Raises as `trigger` does."""
        app = await self._find(app_id)
        text("users", "channel", channel)
        return [signed_id(member) for member in await _ready(self._node.members(app, channel))]

    @_on_its_loop
    async def terminate(self, user_id: str | int, *, app_id: str | None = None) -> None:
        """End all connections of a user. Raises as `trigger` does."""
        app = await self._find(app_id)
        await _ready(self._node.terminate(app, user_id_text(user_id)))

    async def _find(self, app_id: str | None) -> App:
        self._check_running()  # again: a task may begin later
        if app_id is None:
            apps = self._node.apps.all()
            if len(apps) != 1:
                raise LookupError(f"there are {len(apps)} apps: say which one with app_id")
            return apps[0]
        app = await _ready(self._node.apps.find_by_id(app_id))
        if app is None:
            raise LookupError(f"there is no app with the id {app_id!r}")
        return app

    def _check_caller(self) -> None:
        self._check_running()
        if self._thread is not None and not self._thread.is_current():
            raise RuntimeError(
                "the server runs in a thread of its own: use what `with Server(...) as server` gives"
            )

    def _check_running(self) -> None:
        if not self._is_running:
            raise RuntimeError(
                "the server is not running: enter it with `async with` or `with`, or await start()"
            )


class ThreadedServer:
    """A Server that runs in a thread, so that a blocking client (a library for HTTP, Pusher's SDK, the test client of a
    web framework) can talk to it from the thread that has entered it. Its methods are those of `Server`, and block. Any
    thread may call them."""

    def __init__(self, server: Server, thread: LoopThread) -> None:
        self._server = server
        self._call = thread.call

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def ws_url(self) -> str:
        return self._server.ws_url

    @property
    def sent(self) -> list[SentEvent]:
        return self._server.sent

    def trigger(
        self,
        channels: str | Iterable[str],
        event: str,
        data: object,
        *,
        app_id: str | None = None,
        socket_id: str | None = None,
    ) -> None:
        self._call(lambda: self._server.trigger(channels, event, data, app_id=app_id, socket_id=socket_id))

    def channels(self, prefix: str = "", *, app_id: str | None = None) -> dict[str, ChannelInfo]:
        return self._call(lambda: self._server.channels(prefix, app_id=app_id))

    def users(self, channel: str, *, app_id: str | None = None) -> list[str | int]:
        return self._call(lambda: self._server.users(channel, app_id=app_id))

    def terminate(self, user_id: str | int, *, app_id: str | None = None) -> None:
        self._call(lambda: self._server.terminate(user_id, app_id=app_id))


async def _ready(value: MaybeAwaitable[T]) -> T:
    return await value if isinstance(value, Awaitable) else value
