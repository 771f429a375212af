"""What a server measures: each metric once, with its name, kind, meaning and labels.

The figures themselves are plain numbers, in the objects that count them; a node collects them when it is asked, and the
supervisor puts those of its processes together. A metric is summed over the processes; of `most` the largest counts,
and of `by_process` each process has its own, with the label `process`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

MetricKind: TypeAlias = Literal["counter", "gauge", "histogram"]
PROCESS = "process"
APP = "app"

# Upper bounds of the buckets; the last one, of all that is larger, has none.
SUBSCRIBERS = (0.0, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0)
MESSAGE_BYTES = (64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 1048576.0)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is without the prefix; that of a counter ends in `_total`. `soketi` is what soketi calls it,
    without a prefix too. `bounds` are those of a histogram's buckets."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    soketi: str = ""
    most: bool = False
    by_process: bool = False
    bounds: tuple[float, ...] = ()

    @property
    def shown_labels(self) -> tuple[str, ...]:
        return (*self.labels, PROCESS) if self.by_process else self.labels

    @property
    def width(self) -> int:
        """How many numbers one sample has: those of a histogram are a count for each bucket, and the sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


def _counter(name: str, help: str, *labels: str, soketi: str = "", by_process: bool = False) -> Metric:
    return Metric(f"{name}_total", "counter", help, labels, soketi, by_process=by_process)


def _gauge(name: str, help: str, *labels: str, soketi: str = "", by_process: bool = False) -> Metric:
    return Metric(name, "gauge", help, labels, soketi, by_process=by_process)


def _own(name: str, help: str) -> Metric:
    """Of each process; where one takes the place of another, the larger counts."""
    return Metric(name, "gauge", help, most=True, by_process=True)


def _most(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, "gauge", help, labels, most=True)


def _histogram(name: str, help: str, bounds: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, "histogram", help, labels, bounds=bounds)


# By the title that they have in docs/monitoring.md.
SECTIONS: Mapping[str, tuple[Metric, ...]] = {
    "Connections": (
        _gauge("connections", "WebSocket connections that are open.", APP, soketi="connected"),
        _counter(
            "connections_opened", "WebSocket connections accepted.", APP, soketi="new_connections_total"
        ),
        _counter(
            "connections_closed",
            "Accepted WebSocket connections that have ended.",
            APP,
            soketi="new_disconnections_total",
        ),
        _counter(
            "handshakes",
            "Handshakes by result: accepted, unknown_app, app_disabled, origin_refused, app_full, server_full, "
            "address_full, too_many, malformed, failed.",
            "result",
        ),
        _counter("refusals", "What was refused to clients and to the application, by reason.", "reason"),
        _counter("slow_consumers", "Connections closed because too much waited to be sent."),
        _counter("unresponsive", "Connections closed because they answered no ping."),
        _counter("signins", "Users that signed in, or were refused, each connection for itself.", "result"),
    ),
    "Channels": (
        _gauge("subscriptions", "Subscriptions of clients to channels.", APP),
        _counter("subscriptions", "Subscriptions that were confirmed.", APP),
        _counter("subscriptions_refused", "Subscriptions that were refused."),
        _gauge(
            "channels",
            "Channels with subscribers by kind: public, private, presence, user; one that several processes have "
            "subscribers of counts in each of them.",
            APP,
            "kind",
        ),
        _gauge(
            "users",
            "Users on presence channels or signed in; one that several processes have connections of counts in each.",
            APP,
        ),
        _gauge(
            "presence_members",
            "Members of presence channels; one that several processes have connections of counts in each.",
        ),
        _counter("resumes", "Subscriptions that asked for what they had missed.", "result"),
        _counter("resumed_events", "Events that were repeated to them."),
        _gauge("history_bytes", "Bytes of kept events in the memory of the server; not those in Redis."),
        _counter("cache_hits", "Subscriptions to cache channels that had a last event."),
        _counter("cache_misses", "Subscriptions to cache channels that had none."),
        _counter(
            "cache_dropped", "Last events of cache channels dropped because of REVURB_MAX_CACHED_BYTES."
        ),
    ),
    "Messages": (
        _counter("messages_received", "Messages of clients.", APP, soketi="ws_messages_received_total"),
        _counter("received_bytes", "Bytes of the messages of clients.", APP, soketi="socket_received_bytes"),
        _histogram("message_bytes", "Sizes of the messages of clients.", MESSAGE_BYTES),
        _counter("client_events", "Client events that were passed on.", APP),
        _counter("events_published", "Events of the application, each channel of one for itself.", APP),
        _counter(
            "events_delivered",
            "Events written to subscribers, each subscriber for itself.",
            APP,
            soketi="ws_messages_sent_total",
        ),
        _counter(
            "delivered_bytes",
            "Bytes of these, with WebSocket's framing, before compression.",
            APP,
            soketi="socket_transmitted_bytes",
        ),
        _counter("events_unheard", "Events without a subscriber in the process that they came to."),
        _counter("frames_sent", "WebSocket frames queued to be sent, events and answers."),
        _counter("sent_bytes", "Bytes of these, after compression."),
        _histogram(
            "fanout_subscribers", "Subscribers that one event was written to, in one process.", SUBSCRIBERS
        ),
        _histogram(
            "flush_seconds",
            "How long it took to give the kernel what waited, each turn of the loop.",
            SECONDS,
        ),
        _gauge("queued_bytes", "Bytes that wait for clients: in outboxes, and in transports.", "where"),
        _gauge("queued_limit_bytes", "Beyond so many, no more input is handled (REVURB_MAX_QUEUED_TOTAL)."),
    ),
    "HTTP": (
        _counter("http_requests", "HTTP requests answered, by route and status.", "route", "status"),
        _histogram("http_request_seconds", "From a request to its answer.", SECONDS, "route"),
        _counter("http_malformed", "Requests that were not HTTP, too large or too slow."),
        _counter(
            "app_http_requests",
            "HTTP requests of the application that were signed by its app.",
            APP,
            soketi="http_calls_received_total",
        ),
    ),
    "Webhooks": (
        _counter("webhook_requests", "Requests sent to targets, repeats included: ok or failed.", "result"),
        _counter("webhook_dead_letters", "Events that a target was never told of."),
        _gauge("webhook_events_waiting", "Events that wait to be sent, in the process that sends."),
        _counter("webhook_events_lost", "Events that were never queued: too many waited."),
    ),
    "The bus": (
        _own("bus_connected", "Whether the process is connected to the others: 1 or 0."),
        _counter("bus_reconnects", "How often the bus was back after it was gone."),
        _own("bus_lag_seconds", "How late the process receives events."),
        _gauge("bus_topics", "Channels that the processes are subscribed to on the bus."),
        _counter("bus_events_received", "Events received from the bus, own ones included."),
        _gauge("bus_waiting", "Published events that the bus has not accepted yet."),
        _counter("bus_dropped", "Events that could not wait any longer: other processes never get them."),
        _counter("bus_missed", "Events that were not received, or periods without, and cannot be had again."),
        _counter("bus_refused", "Messages and values on the bus that could not be used."),
        _most("php_nodes", "PHP Reverb nodes beside this server."),
        _gauge("hub_workers", "Workers connected to the hub or relay of the host."),
    ),
    "Processes": (
        Metric("build_info", "gauge", "1, with the version.", ("version", "python"), most=True),
        _gauge("ready", "Whether the server takes clients: 1 or 0."),
        _gauge("processes", "Processes of the server by state.", "state"),
        _own("process_blocked", "Whether the loop of the process is blocked (REVURB_WATCHDOG_WARN): 1 or 0."),
        _own("process_age_seconds", "How old the figures of the process are."),
        _counter(
            "process_restarts", "Processes that took the place of one that had exited.", by_process=True
        ),
        _gauge("process_connections", "WebSocket connections of the process.", by_process=True),
        _gauge("process_memory_bytes", "Resident memory of the process.", by_process=True),
        _counter("process_cpu_seconds", "CPU time of the process.", by_process=True),
        _gauge("process_open_files", "Open file descriptors of the process.", by_process=True),
        _own("process_open_files_limit", "How many it may have."),
        _own("process_uptime_seconds", "Since the process began."),
        _histogram("loop_lag_seconds", "How late the event loop was, measured four times a second.", SECONDS),
        _counter("log_lines_dropped", "Lines of output that could not be written."),
        _own("certificate_end_timestamp_seconds", "When the TLS certificate ends."),
    ),
}
METRICS: tuple[Metric, ...] = tuple(metric for section in SECTIONS.values() for metric in section)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
