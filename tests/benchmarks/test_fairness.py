"""The measurements of fairness give figures: on a real server, and very short."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fairness import measures
from benchmarks.fairness.__main__ import tls
from benchmarks.fairness.floods import FLOODS, TLS_HANDSHAKES
from tests.processes.serving import serving


@pytest.mark.parametrize("kind", sorted(FLOODS.keys() - {TLS_HANDSHAKES}))
def test_every_flood_can_be_measured_beside(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path) as server:
        found = measures.flooded(server.port, kind, sockets=1, listener_count=2, seconds=0.1)
        assert found
        assert min(found) > 0


def test_floods_of_tls_handshakes_can_be_measured_beside(tmp_path: Path) -> None:
    arguments, at = tls(tmp_path)
    with serving(tmp_path, *arguments) as server:
        assert measures.flooded(server.port, TLS_HANDSHAKES, 1, 2, seconds=0.1, at=at)


def test_what_large_things_cost_others_can_be_measured(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert measures.ping_beside_fanout(server.port, count=20, rate=50, seconds=0.2)
        assert measures.small_channel(server.port, beside=20, seconds=0.1)
        assert measures.many_channels(server.port, 2000)
        assert measures.leaving(server.port, connections=3, channels=10)
