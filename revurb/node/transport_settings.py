"""What the transport is told of the configuration: its limits, its certificate, and how connections compress."""

from __future__ import annotations

from collections.abc import Callable

from revurb.config import Config
from revurb.node.available_memory import available_memory_bytes
from revurb.transport.handlers import TransportLimits
from revurb.transport.tls import ServerTls
from revurb.wire.deflate import Compression

DEFAULT_QUEUED_PART = 4  # of the memory; what else a node holds needs the rest


def compression_of(config: Config) -> Compression | None:
    """What is negotiated; None if nothing is."""
    mode = config.compression.mode
    return None if mode == "off" else Compression(mode, config.compression.min_size_bytes)


def server_tls(
    config: Config, on_plain_text: Callable[[], None], ticket_keys: Callable[[], bytes] | None
) -> ServerTls | None:
    """What is offered with the configured certificate; None without one."""
    tls = config.tls
    if tls.cert is None or tls.key is None:
        return None
    return ServerTls(tls.cert, tls.key, tls.key_password, on_plain_text, ticket_keys)


def transport_limits(config: Config, processes: int) -> TransportLimits:
    """The limits of one of `processes` that share the machine's memory."""
    limits = config.limits
    total_bytes = limits.max_queued_total_bytes or available_memory_bytes() // DEFAULT_QUEUED_PART
    return TransportLimits(
        max_head_bytes=limits.max_head_size_bytes,
        max_body_bytes=limits.max_request_size_bytes,
        max_large_body_bytes=limits.max_batch_size_bytes,
        max_queued_bytes=limits.max_queued_bytes,
        max_queued_total_bytes=max(total_bytes // processes, 1),
        request_timeout_s=limits.request_timeout_s,
        keep_alive_timeout_s=limits.keep_alive_timeout_s,
        pong_timeout_s=limits.pong_timeout_s,
        close_timeout_s=limits.close_timeout_s,
    )
