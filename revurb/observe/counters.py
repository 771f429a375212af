"""What a process counts about itself: plain integers, cheap enough for hot paths."""

from __future__ import annotations


class Counters:
    """Totals since the process started, but for what waits. Read them at any time; no total is ever reset."""

    __slots__ = (
        "cache_hits_total",
        "cache_misses_total",
        "connections_total",
        "events_unheard_total",
        "hook_failures_total",
        "hook_refusals_total",
        "hook_timeouts_total",
        "http_errors_total",
        "http_requests_total",
        "messages_received_total",
        "proxy_headers_refused_total",
        "resumed_events_total",
        "resumes_failed_total",
        "resumes_total",
        "signins_refused_total",
        "signins_total",
        "slow_consumers_total",
        "subscriptions_refused_total",
        "unresponsive_total",
        "webhook_dead_letters_total",
        "webhook_facts_waiting",
        "webhook_failures_total",
        "webhook_requests_total",
    )

    def __init__(self) -> None:
        self.connections_total = 0  # WebSocket handshakes accepted
        self.messages_received_total = 0  # text and binary messages from clients
        self.subscriptions_refused_total = 0  # to channels that the client may not subscribe to
        self.cache_hits_total = 0  # of subscriptions to cache channels
        self.cache_misses_total = 0
        self.resumes_total = 0  # subscriptions that got everything they had missed
        self.resumes_failed_total = 0  # those that did not
        self.resumed_events_total = 0
        self.events_unheard_total = 0  # without a subscriber here
        self.signins_total = 0  # of users, each connection for itself
        self.signins_refused_total = 0
        self.hook_failures_total = 0  # calls of users' hooks that raised
        self.hook_timeouts_total = 0  # of those that were cut off, or not begun since too many were under way
        self.hook_refusals_total = 0  # subscriptions and client events that hooks refused
        self.http_requests_total = 0
        self.http_errors_total = 0  # requests that were not HTTP, too large or too slow
        self.proxy_headers_refused_total = (
            0  # connections of trusted proxies without a PROXY header that is right
        )
        self.slow_consumers_total = 0  # connections closed because too much waited to be sent
        self.unresponsive_total = 0  # connections closed because they answered no ping
        self.webhook_requests_total = 0  # tries that are over, repeats included
        self.webhook_failures_total = 0  # of those, what was not answered with 2xx
        self.webhook_dead_letters_total = 0  # events that a target was never told of
        self.webhook_facts_waiting = 0  # at present, in the process that sends
