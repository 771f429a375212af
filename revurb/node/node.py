"""One node: the composition root, which is the only file that knows every layer.

Messages of clients go connection -> session -> bus. Requests go connection -> gateway -> api -> trigger -> bus. The bus
passes every event to `Dispatch.deliver`. One timer turns the timer wheel of all connections.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from revurb.api.asked_apps import AskedApps
from revurb.api.endpoint import Api
from revurb.apps import App, AppProvider
from revurb.bus.engine import BusEngine
from revurb.bus.local import LocalBus
from revurb.config import Config, served_dev_app
from revurb.node.app_changes import AppChanges
from revurb.node.browser_module import BrowserModule
from revurb.node.certificate_watch import CertificateWatch
from revurb.node.cluster_status import status_answerer
from revurb.node.connection_limit import ConnectionLimit, OwnConnectionLimit
from revurb.node.drain import drain_connections
from revurb.node.fact_telling import FactTelling
from revurb.node.file_limit import FileLimit
from revurb.node.gateway import Gateway
from revurb.node.hooked_node import dispatch, hook_runner
from revurb.node.idempotent_answers import IdempotentAnswers
from revurb.node.listening_sockets import ListeningSockets
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.node.memory_trimmer import MemoryTrimmer
from revurb.node.node_console import NodeConsole
from revurb.node.node_meter import NodeMeter, RouteMatcher
from revurb.node.operations import Operations
from revurb.node.plain_requests import answer_plainly, welcome_plainly
from revurb.node.readiness import Readiness
from revurb.node.reception import Reception
from revurb.node.recorded_events import RecordingTrigger, SentEvent
from revurb.node.refusal_lines import RefusalLines
from revurb.node.shared_rates import SharedRates
from revurb.node.sliced_work import SlicedWork
from revurb.node.test_page import TestPage
from revurb.node.traced_gateway import TracedGateway
from revurb.node.transport_settings import compression_of, server_tls, transport_limits
from revurb.observe.counters import Counters
from revurb.observe.figures import Figures
from revurb.observe.refusal_log import RefusalLog
from revurb.observe.trace import MessageTrace
from revurb.pusher.ports import ChannelState, MaybeAwaitable, Member, Receiver
from revurb.pusher.registry import Registry
from revurb.pusher.triggering import Trigger
from revurb.transport.connections import Connections
from revurb.transport.handlers import LargeBodies, RequestHandler, Welcome
from revurb.transport.listener import Listener
from revurb.transport.timer_wheel import TICK_S
from revurb.wire.response import http_date

_log = logging.getLogger(__name__)

ROOM_POLL_S = 0.01
RESTARTING = 4200  # close code on which Pusher clients reconnect at once


class Node:
    """Serves the apps of `config`, or of `apps` if given, from `start` to `stop`.

    All its state belongs to it, so several nodes can run in one process. `bus_factory` makes the bus that connects it
    with other nodes; without, it has a LocalBus. `connection_limit` is shared with others; without, the node counts its
    own connections. It is one of `processes` that share the machine's memory; the first of them also tells what
    concerns all. Events that the application triggers are entered into `record`. `hooks` take the place of those of
    `config`. `name` is what it is called where several are shown. `ticket_keys` gives the keys of TLS session tickets
    that others use too.
    """

    # Made by `start`, which must come before all but `stop`, `scheme` and `reload_tls`.
    _bus: BusEngine
    _once: IdempotentAnswers
    _refusals: RefusalLines
    _registry: Registry
    _work: SlicedWork
    operations: Operations
    _trigger: Trigger
    _connections: Connections
    _reception: Reception
    _trimmer: MemoryTrimmer

    def __init__(
        self,
        config: Config,
        apps: AppProvider | None = None,
        bus_factory: Callable[[Receiver], BusEngine] | None = None,
        connection_limit: ConnectionLimit | None = None,
        processes: int = 1,
        record: deque[SentEvent] | None = None,
        *,
        hooks: Sequence[object] = (),
        is_first_process: bool = True,
        has_joined: bool = False,
        name: str = "node",
        ticket_keys: Callable[[], bytes] | None = None,
    ) -> None:
        self.config = config
        self._processes = processes
        self._record = record
        self.counters = Counters()
        self._refusal_log = RefusalLog(unlimited=config.log.debug)
        self._hooks = hook_runner(hooks, config, self.counters, self._refusal_log)
        self._trace = MessageTrace(form=config.log.format) if config.log.debug else None
        self._app_changes = AppChanges(apps, config)
        self._facts = FactTelling(
            self._app_changes.apps, config.webhooks, self.counters, self._refusal_log, self._trace
        )
        self.apps = self._facts.apps
        self._asked_apps = AskedApps(self.apps)
        self._bus_factory = bus_factory or (
            lambda receiver: LocalBus(
                receiver, MEMBER_EVENTS, max_cached_bytes=config.limits.max_cached_bytes
            )
        )
        self._tls = server_tls(config, lambda: self._refusals.of_plain_text(), ticket_keys)
        self._certificate_watch = (
            None if self._tls is None else CertificateWatch(self._tls, warns=is_first_process)
        )
        self._meter = NodeMeter(config, self.counters, self._refusal_log, self._tls)
        self._compression = compression_of(config)
        limit = config.limits.max_connections
        self._connection_limit = connection_limit or (None if limit is None else OwnConnectionLimit(limit))
        self._file_limit = FileLimit()
        self._rates = SharedRates(processes)
        self._readiness = Readiness(needs_bus=config.server.ready_needs_bus, has_joined=has_joined)
        self._listening = ListeningSockets(config.server, self.accept_on)
        self.console = NodeConsole(
            config, self.apps, self._meter, self._refusal_log, self._facts, self.counters, name
        )
        self._timer: asyncio.TimerHandle | None = None

    @property
    def scheme(self) -> str:
        return "http" if self._tls is None else "https"

    @property
    def port(self) -> int:
        """On which it listens; before `start`, the configured one."""
        return self._listening.port

    @property
    def connection_count(self) -> int:
        """Open WebSockets."""
        return len(self._connections.websockets)

    @property
    def bus_degraded(self) -> str | None:
        """Why this node is cut off from the others; None while it is connected, or alone."""
        return self._bus.degraded

    def unready(self) -> str | None:
        """The reason why this node should get no new clients, None if it should: see `Readiness.reason`."""
        return self._readiness.reason(
            self._connections, self._file_limit, self._bus, listening=bool(self._listening)
        )

    def figures(self) -> Figures:
        """What the node measures, as of now. To be called between `start` and `stop`."""
        return self._meter.figures(self._connections, self._bus, self._refusals)

    def announce_drain(self) -> None:
        """Say "draining" on `/ready` from now on; clients are accepted until `stop`."""
        self._readiness.is_about_to_drain = True

    async def start(self, sockets: Iterable[socket.socket] = ()) -> None:
        """Listen on bound `sockets`, or without any on the addresses of the configuration. Raises ListenError if one
        cannot be bound; nothing is left open then."""
        config, loop = self.config, asyncio.get_running_loop()
        self._work = SlicedWork(loop.call_soon)
        self._refusals = RefusalLines(self._refusal_log, config, self.apps)
        book = self._meter.book
        self._registry = Registry(self.counters, self._work, self._refusals.of_session, book)
        self._registry.rates = self._rates
        status = status_answerer(lambda: self.connection_count, self.unready, lambda: self._bus.health)
        self._once = IdempotentAnswers(lambda question, deadline_s: self._bus.survey(question, deadline_s))
        answer = self.console.answerer(self._rates.answerer(self._once.answerer(status)))
        drain_timeout_s = config.server.drain_timeout_s
        self.operations = Operations(
            self._registry, self._work, self._app_changes, self._readiness, answer, drain_timeout_s
        )
        self._bus = self._bus_factory(dispatch(self._registry, self.operations.answer, self._hooks))
        if isinstance(self._bus, LocalBus):
            self._registry.enter_at_once = self._bus.enter_at_once
        self._app_changes.begin(self.apps, self._registry)
        self._facts.begin(self._bus, self._registry)
        cache_ttl_s = config.limits.cache_ttl_s
        if self._record is None:
            self._trigger = Trigger(self._bus, cache_ttl_s, book)
        else:
            self._trigger = RecordingTrigger(self._bus, cache_ttl_s, self._record, book)
        handler, welcome, admits_large_body, match_route = self._make_gateway()
        limits = transport_limits(config, self._processes)
        self._connections = Connections(handler, limits, self.counters, loop, admits_large_body)
        self.operations.begin(self._bus, self._connections)
        self.console.begin(
            self._bus, self._trigger, self._registry, self._connections, lambda: self._listening.port
        )
        self._connections.on_refused = self._refusals.of_request
        self._connections.on_ended = self._refusals.of_websocket
        self._reception = Reception(config, self._connections, self._refusals)
        self._connections.handler = self._meter.measured(self._connections.handler, match_route)
        if self._trace is None:
            if not self._app_changes.are_looked_up:  # what one finds may come later
                welcome_plainly(welcome, self._meter, self._connections)
            if not self._reception.sees_every_request:
                answer_plainly(config, self._asked_apps, self._trigger, self._meter, self._connections)
        self._trimmer = MemoryTrimmer(self._shrink)
        self._on_tick(loop)
        try:
            await self._bus.start()
            await self._listening.open(tuple(sockets))
        except BaseException:
            await self.stop(drain_timeout_s=0)
            raise

    async def accept_on(self, sock: socket.socket) -> Listener:
        """Accept clients on one more bound socket. The caller ends that by closing the server that is returned."""
        tls = self._tls.context if self._tls is not None else None
        return await self._reception.accept_on(sock, tls)

    def stop_accepting(self) -> None:
        """Stop listening. Clients that are connected stay."""
        self._listening.close()

    async def stop(self, drain_timeout_s: float | None = None, *, spread: bool = False) -> None:
        """Stop accepting, finish the requests in flight, and close every WebSocket with 4200. Connections that are left
        after `drain_timeout_s` (seconds; the configured ones by default) are dropped. With `spread`, WebSockets are
        closed evenly over that time, so that not all clients reconnect at once. Without effect on a node that is not
        running."""
        if self._timer is None:
            return
        self.stop_accepting()
        self.operations.stop()
        timeout_s = self.config.server.drain_timeout_s if drain_timeout_s is None else drain_timeout_s
        timeout_s -= await self._reception.settle(timeout_s)
        await drain_connections(
            self._connections, RESTARTING, "Server is restarting", timeout_s, spread=spread
        )
        self._connections.is_stopped = True
        self._reception.stop()
        self._work.finish()
        if self._certificate_watch is not None:
            self._certificate_watch.stop()
        self._rates.stop()
        self.console.stop()
        await self._app_changes.stop()
        if self._hooks is not None:
            await self._hooks.stop()
        await self._facts.stop()
        await self._bus.stop()
        self._timer.cancel()
        self._timer = None

    async def reload_tls(self) -> None:
        """Read the TLS certificate again. Raises TlsError if it cannot be used; the old one stays in use then."""
        if self._certificate_watch is not None:
            await self._certificate_watch.reload()

    async def wait_for_room(self) -> None:
        """Return when input is handled: at once, unless more waits for clients than may."""
        while self._connections.fanout.is_full:
            await asyncio.sleep(ROOM_POLL_S)

    def trigger(
        self, app: App, channels: list[str], event: str, data: str, except_socket_id: str | None = None
    ) -> MaybeAwaitable[str | None]:
        """Publish an event as a request to the HTTP API does, with `data` as its text. Done as `Trigger.send` is."""
        if self._trace is not None:
            self._trace.published(app.id, channels, event, data)
        return self._trigger.send(app, channels, event, data, except_socket_id)

    def channels(self, app: App, prefix: str) -> MaybeAwaitable[Mapping[str, ChannelState]]:
        """The channels of an app that have subscribers, by name, over all processes."""
        return self._bus.channels(app.id, prefix)

    def members(self, app: App, channel: str) -> MaybeAwaitable[Sequence[Member]]:
        """Who is on a presence channel, in order of joining."""
        return self._bus.members(app.id, channel)

    def terminate(self, app: App, user_id: str) -> MaybeAwaitable[None]:
        """End all connections of a user, in every process."""
        return self._bus.terminate(app.id, user_id)

    def _make_gateway(self) -> tuple[RequestHandler, Welcome, LargeBodies, RouteMatcher]:
        """What handles the requests, what answers plain handshakes ahead of that, what tells which requests may have a
        large body, and where a path leads."""
        config = self.config
        api = Api(
            self._asked_apps,
            self._trigger,
            self._bus,
            path=config.server.path,
            signature_max_age_s=config.limits.signature_max_age_s,
            max_request_size_bytes=config.limits.max_request_size_bytes,
            clock=time.time,
            unready=self.unready,
            degraded=lambda: self._bus.degraded,
            rates=self._rates,
            once=self._once,
        )
        trace = self._trace
        gateway = Gateway(
            api,
            self.apps,
            self._registry,
            self._bus,
            refusals=self._refusals,
            limit=self._connection_limit,
            trace=trace,
            compression=self._compression,
        )
        handler: RequestHandler = gateway if trace is None else TracedGateway(gateway, trace)
        if config.server.test_page and config.apps:
            handler = TestPage(handler, config, served_dev_app(config) or config.apps[0])
        if config.server.browser_module:
            handler = BrowserModule(handler, config.server.path)
        return handler, gateway.welcome, gateway.admits_large_body, api.match_route

    def _on_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = loop.call_later(TICK_S, self._on_tick, loop)
        self._connections.date = http_date(time.time())
        self._meter.tick(now)
        self.console.tick(now)
        self._connections.on_tick(now)
        self._registry.sign_in_deadlines.tick(now)
        self._bus.tick()
        self._rates.on_tick(self._bus)
        self._bus.hold_receiving(self._connections.fanout.is_full)
        self._trimmer.check(self.connection_count)
        self._file_limit.check(now)
        self._readiness.check(self._bus)
        self._app_changes.tick(now)
        self._refusal_log.on_tick()
        if self._certificate_watch is not None:
            self._certificate_watch.check(now)

    def _shrink(self) -> None:
        self._connections.shrink()
        self._registry.shrink()
