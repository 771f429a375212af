"""The scenarios, on a real server; what their rates are is nobody's business here."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.apps import App
from revurb.bench.bench_row import BenchRow
from revurb.bench.bench_run import SCENARIOS, BenchPlan, BenchRun
from revurb.bench.bench_target import BenchError, BenchTarget
from tests.processes.serving import Serving, serving

APP = App(id="1", key="key1", secret="secret1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Its app may publish a hundred times a second."""
    environment = {"REVURB_APP_MAX_PUBLISHES_PER_SECOND": "1000"}
    with serving(tmp_path_factory.mktemp("bench"), environment=environment) as running:
        yield running


async def measured(server: Serving, app: App, *scenarios: str, rate: float = 50.0) -> list[BenchRow]:
    target = BenchTarget("127.0.0.1", server.port, app, pids=[server.process.pid])
    plan = BenchPlan(scenarios, seconds=0.3, connections=5, rate=rate, window=2)
    shares: list[tuple[str, float]] = []
    rows = [
        row async for row in BenchRun(target, plan, lambda name, share: shares.append((name, share))).rows()
    ]
    assert [name for name, share in shares if share == 1.0] == list(scenarios)
    assert [row.scenario for row in rows] == list(scenarios)
    return rows


async def test_each_scenario_counts_what_arrives(server: Serving) -> None:
    connect, client_events, latency = await measured(server, APP, "connect", "client-events", "latency")
    assert connect.count % 5 == 0
    assert connect.count > 0
    assert connect.p50_ms is not None
    assert connect.note is not None
    assert client_events.count > 0
    assert latency.count == 15 * 5
    # The last event has its share of the 0.3 s: as many a second as were sent. The clock of the loop has milliseconds.
    assert latency.seconds >= 0.295
    assert latency.p50_ms is not None
    assert latency.server_memory_bytes is not None


async def test_what_is_refused_makes_a_row_void(server: Serving) -> None:
    """More publishes in a second than the app may have."""
    publish, delivery = await measured(server, APP, "publish", "delivery")
    assert publish.void is not None
    assert "429" in publish.void
    assert delivery.void is not None


async def test_a_server_that_cannot_be_measured(server: Serving, closed_port: int) -> None:
    with pytest.raises(BenchError, match="4001"):
        await measured(server, App(id="1", key="other", secret="secret1"), "publish")
    with pytest.raises(BenchError, match="refused"):
        await measured(server, App(id="1", key="key1", secret="wrong"), "publish")
    target = BenchTarget("127.0.0.1", closed_port, APP)
    with pytest.raises(BenchError, match="connection refused"):
        _ = [row async for row in BenchRun(target, BenchPlan(("publish",))).rows()]


def test_every_scenario_has_a_title() -> None:
    assert list(SCENARIOS) == ["connect", "delivery", "publish", "client-events", "latency"]


@pytest.mark.parametrize(
    ("scenario", "number"), [("client-events", signal.SIGSTOP), ("latency", signal.SIGKILL)]
)
async def test_a_server_that_stands_still_or_dies_midway(
    tmp_path: Path, scenario: str, number: signal.Signals
) -> None:
    with serving(tmp_path) as running:

        def on_progress(name: str, share: float) -> None:
            if 0.3 < share < 1.0 and running.process.poll() is None:
                running.process.send_signal(number)

        plan = BenchPlan((scenario,), seconds=1.0, connections=5, rate=200)
        target = BenchTarget("127.0.0.1", running.port, APP, pids=[running.process.pid])
        try:
            (row,) = [row async for row in BenchRun(target, plan, on_progress).rows()]
        finally:
            running.process.send_signal(signal.SIGKILL)
    assert row.void is not None
    assert "closed a connection" in row.void or "deliveries had not come" in row.void
