"""What a node measures, collected when it is asked for. That takes 1 ms at most, whatever the number of connections and
channels: nothing is counted here that was not counted as it happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from revurb._speedups.tally import Tally
from revurb.api.routes import RouteMatch
from revurb.bus.engine import BusEngine
from revurb.config import Config
from revurb.node.measured_gateway import MeasuredGateway
from revurb.node.refusal_lines import ANSWERED_OVER_HTTP, RefusalLines
from revurb.observe.counters import Counters
from revurb.observe.figures import Figures
from revurb.observe.metrics import SECONDS
from revurb.observe.process_figures import memory_bytes, write_process
from revurb.observe.refusal_log import RefusalLog
from revurb.observe.unblocked_output import lines_dropped
from revurb.pusher.app_counts import AppBook
from revurb.transport.connections import Connections
from revurb.transport.handlers import PlainAnswerer, RequestHandler, Welcome
from revurb.transport.timer_wheel import TICK_S
from revurb.transport.tls import ServerTls

RouteMatcher: TypeAlias = Callable[[str], RouteMatch | None]

_WEBHOOK = "webhook"  # with which what the log of refusals counts of webhooks begins


class NodeMeter:
    """The figures of one node. `config.admin` says whether requests are measured."""

    def __init__(
        self, config: Config, counters: Counters, refusals: RefusalLog, tls: ServerTls | None
    ) -> None:
        self.book = AppBook(config.metrics.max_apps)
        for app in config.apps[: config.metrics.max_apps]:
            self.book.of(app.id)  # so that its series are there before anything happens
        self._counters = counters
        self._refusals = refusals
        self._tls = tls
        self._is_shown = config.admin.port is not None
        self._requests: MeasuredGateway | None = None
        self._lag = Tally(SECONDS)
        self._worst_lag_s = 0.0  # since the last `sample`
        self._due = 0.0

    def measured(self, handler: RequestHandler, match_route: RouteMatcher) -> RequestHandler:
        """`handler`, with its requests measured if metrics are shown. It has to be the first that gets them: what
        others answer ahead of the API is counted too."""
        if not self._is_shown:
            return handler
        self._requests = MeasuredGateway(handler, match_route, self.book)
        return self._requests

    def measured_plain(self, answer_plain: PlainAnswerer) -> PlainAnswerer:
        """The same for what is answered without being read; to be called after `measured`."""
        return answer_plain if self._requests is None else self._requests.measured_plain(answer_plain)

    def welcoming(self, welcome: Welcome) -> Welcome:
        """The same of what answers plain handshakes."""
        return welcome if self._requests is None else self._requests.measuring(welcome)

    def tick(self, now: float) -> None:
        """To be called each `TICK_S`; `now` is the loop's time in seconds."""
        if self._due:
            late_s = max(0.0, now - self._due)
            self._lag.add(late_s)
            self._worst_lag_s = max(self._worst_lag_s, late_s)
        self._due = now + TICK_S

    def sample(self, connections: Connections) -> Sequence[float]:
        """What `inspection.figure_history` shows, in its order. Takes 20 us, and 1 us more for each app."""
        fanout, totals = connections.fanout, self.book.totals()
        worst_lag_s, self._worst_lag_s = self._worst_lag_s, 0.0
        return (
            len(connections.websockets),
            totals.channels,
            totals.subscriptions,
            totals.messages_in,
            fanout.frames_total,
            totals.deliveries,
            totals.publishes,
            fanout.sent_bytes_total,
            memory_bytes(),
            worst_lag_s * 1000,
            fanout.queued_bytes + fanout.transport_bytes,
            time.process_time(),
        )

    def figures(self, connections: Connections, bus: BusEngine, lines: RefusalLines) -> Figures:
        figures = Figures()
        write_process(figures)
        self.book.write(figures)
        if self._requests is not None:
            self._requests.write(figures)
        self._write_clients(figures, connections, lines)
        self._write_counters(figures)
        _write_bus(figures, bus)
        figures.put("process_connections", len(connections.websockets))
        figures.add_histogram("loop_lag_seconds", self._lag)
        figures.put("log_lines_dropped_total", lines_dropped())
        if self._tls is not None and self._tls.ends_at is not None:
            figures.put("certificate_end_timestamp_seconds", self._tls.ends_at)
        return figures

    def _write_clients(self, figures: Figures, connections: Connections, lines: RefusalLines) -> None:
        refused = sum(count for result, count in lines.handshakes.items() if result not in ANSWERED_OVER_HTTP)
        accepted = self._counters.connections_total - refused
        figures.put("handshakes_total", max(0, accepted), "accepted")
        for result, count in lines.handshakes.items():
            figures.put("handshakes_total", count, result)
        for what, count in self._refusals.totals.items():
            if not what.startswith(_WEBHOOK):
                figures.put("refusals_total", count, what)
        fanout = connections.fanout
        figures.put("frames_sent_total", fanout.frames_total)
        figures.put("sent_bytes_total", fanout.sent_bytes_total)
        figures.put("queued_bytes", fanout.queued_bytes, "outbox")
        figures.put("queued_bytes", fanout.transport_bytes, "transport")
        figures.put("queued_limit_bytes", connections.limits.max_queued_total_bytes)
        figures.add_histogram("flush_seconds", fanout.flush_times)

    def _write_counters(self, figures: Figures) -> None:
        counters = self._counters
        for name in (
            "slow_consumers_total",
            "unresponsive_total",
            "subscriptions_refused_total",
            "cache_hits_total",
            "cache_misses_total",
            "events_unheard_total",
            "resumed_events_total",
            "webhook_dead_letters_total",
        ):
            figures.put(name, getattr(counters, name))
        figures.put("resumes_total", counters.resumes_total, "complete")
        figures.put("resumes_total", counters.resumes_failed_total, "failed")
        figures.put("signins_total", counters.signins_total, "accepted")
        figures.put("signins_total", counters.signins_refused_total, "refused")
        figures.put("http_malformed_total", counters.http_errors_total)
        failed = counters.webhook_failures_total
        figures.put("webhook_requests_total", counters.webhook_requests_total - failed, "ok")
        figures.put("webhook_requests_total", failed, "failed")
        figures.put("webhook_events_waiting", counters.webhook_facts_waiting)


def _write_bus(figures: Figures, bus: BusEngine) -> None:
    health = bus.health
    figures.put("bus_connected", int(bus.degraded is None))
    figures.put("bus_topics", health.topics)
    figures.put("bus_waiting", health.waiting)
    figures.put("bus_reconnects_total", health.reconnects)
    figures.put("bus_events_received_total", health.received)
    figures.put("bus_dropped_total", health.dropped)
    figures.put("bus_missed_total", health.missed)
    figures.put("bus_refused_total", health.invalid)
    figures.put("cache_dropped_total", health.cache_dropped)
    figures.put("webhook_events_lost_total", health.facts_lost)
    figures.put("presence_members", health.members)
    if health.lag_s is not None:
        figures.put("bus_lag_seconds", health.lag_s)
    figures.put("history_bytes", health.history_bytes)
    if health.php_nodes is not None:
        figures.put("php_nodes", health.php_nodes)
