"""What `revurb top --url` makes of what an admin listener says, whatever its metrics are called."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from revurb.cli.admin_source import AdminServer, admin_sample
from revurb.cli.target import parse_url
from revurb.observe.exposition import MetricNames, exposition
from revurb.observe.figures import Figures
from tests.cli.servers import api_server

STATUS: Any = {"version": "0.1.0", "state": "ready", "uptime_s": 5.0, "processes": [
    {"process": "worker 0", "pid": 7, "state": "ready", "bus": "", "connections": 2},
]}  # fmt: skip


def metrics(names: MetricNames) -> str:
    figures = Figures()
    figures.put("build_info", 1, "0.1.0", "3.11")
    figures.put_all("connections", {("a",): 2, ("b",): 3})
    figures.put("bus_connected", 1, "worker 0")
    figures.put("process_connections", 2, "worker 0")
    figures.put("process_memory_bytes", 4096, "worker 0")
    figures.put("process_memory_bytes", 1024, "supervisor")
    figures.put_all("events_delivered_total", {("a",): 70, ("b",): 7})
    figures.values["loop_lag_seconds"] = {(): [4, *[0] * 13, 0.25]}
    return asyncio.run(exposition(figures, names)).decode()


@pytest.mark.parametrize(
    "names", [MetricNames(), MetricNames("soketi"), MetricNames(prefix="x"), MetricNames("soketi", "y_")]
)
def test_figures_are_found_by_any_name(names: MetricNames) -> None:
    seen = admin_sample(STATUS, metrics(names), "http://a")
    (worker,) = seen.processes
    assert worker.is_partial
    assert worker.load is not None
    assert worker.load.memory_bytes == 4096
    total = seen.total
    assert total is not None
    assert total.load is not None
    assert (total.connections, total.load.deliveries, total.load.memory_bytes) == (5, 77, 5120)
    assert (total.load.lag_count, total.load.lag_sum_s) == (4, 0.25)


def test_an_embedded_server_has_no_processes() -> None:
    seen = admin_sample(
        {"port": 1, "state": "ready", "connections": 5, "bus": ""}, metrics(MetricNames()), "http://a"
    )
    assert (seen.state, list(seen.processes)) == ("ready", [])


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"state":"ready"}', b"\xff"])
def test_what_is_no_admin_listener(answer: bytes) -> None:
    import click

    with api_server() as api:
        api.answer = answer
        with pytest.raises(
            click.ClickException, match=f"http://127.0.0.1:{api.port} is no admin listener of Revurb"
        ):
            AdminServer(parse_url(f"http://127.0.0.1:{api.port}"), "token").read()


def test_the_same_text_has_the_same_time() -> None:
    """It is kept for a second: there would be no deliveries in it, and twice as many in the next."""
    source, text = AdminServer(parse_url("http://127.0.0.1"), None), metrics(MetricNames())
    first, again, other = (
        source._as_told(admin_sample(STATUS, told, "http://a"), told)
        for told in (text, text, f"{text}# new\n")
    )
    assert first.total is not None
    assert again.total is not None
    assert other.total is not None
    assert (again.total.at_s, again.processes[0].at_s) == (first.total.at_s, first.processes[0].at_s)
    assert other.total.at_s > first.total.at_s
