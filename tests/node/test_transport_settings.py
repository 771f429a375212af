"""What connections are told of the configuration."""

from __future__ import annotations

from revurb.config import CompressionConfig, Config, LimitsConfig
from revurb.node.available_memory import available_memory_bytes
from revurb.node.transport_settings import DEFAULT_QUEUED_PART, compression_of, transport_limits


def test_processes_share_what_may_wait_for_clients() -> None:
    config = Config(limits=LimitsConfig(max_queued_total_bytes=4_000_000))
    assert transport_limits(config, 4).max_queued_total_bytes == 1_000_000
    whole = transport_limits(Config(), 1).max_queued_total_bytes
    assert whole == available_memory_bytes() // DEFAULT_QUEUED_PART


def test_compression_is_off_or_as_it_is_configured() -> None:
    assert compression_of(Config()) is None
    assert compression_of(Config(compression=CompressionConfig(mode="shared"))) is not None
