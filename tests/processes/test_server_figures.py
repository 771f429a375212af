"""The figures of a server with workers: real processes, asked over its admin listener."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from revurb import App
from tests.client import Http, api, connect, http
from tests.processes.serving import Serving, launched, pids, serving
from tests.redis_server import free_port

APP = App(id="1", key="key1", secret="secret1")
ENVIRONMENT = {
    "REVERB_APP_ID": APP.id,
    "REVERB_APP_KEY": APP.key,
    "REVERB_APP_SECRET": APP.secret,
    "REVURB_ADMIN_PORT": "0",
}


class Values(dict[tuple[str, tuple[str, ...]], float]):
    """Of each series by its name and the values of its labels. One that is not there is no number."""

    def __missing__(self, key: tuple[str, tuple[str, ...]]) -> float:
        return math.nan


def admin_port(server: Serving) -> int:
    return int(server.said(r"admin listener is ready host=\S+ port=(\d+)")[1])


@contextlib.asynccontextmanager
async def asking(server: Serving) -> AsyncIterator[Http]:
    async with http(admin_port(server)) as connection:
        yield connection


async def values(connection: Http) -> Values:
    text = (await connection.request("GET", "/metrics")).text
    return Values(
        ((sample.name.removeprefix("revurb_"), tuple(sample.labels.values())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )


async def until(connection: Http, condition: Callable[[Values], bool]) -> Values:
    """Ask until it is so."""
    async with asyncio.timeout(20):
        while not condition(found := await values(connection)):
            await asyncio.sleep(0.1)
        return found


async def publish(port: int, times: int) -> None:
    for _ in range(times):
        assert (
            await api(port, APP, "POST", "/events", {"name": "e", "channel": "a", "data": "x"})
        ).status == 200


async def test_all_processes_are_in_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", environment=ENVIRONMENT) as server:
        async with asking(server) as connection:
            assert (await connection.request("GET", "/ready")).status == 200
            status = (await connection.request("GET", "/status")).json()
            assert [row["process"] for row in status["processes"]] == ["worker 0", "worker 1", "hub"]
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(6):
                    client = await stack.enter_async_context(connect(server.port, APP.key))
                    await client.subscribe("a")
                await publish(server.port, 5)
                found = await until(connection, lambda v: v["events_delivered_total", ("1",)] == 30)
                assert found["connections", ("1",)] == 6
                assert found["events_published_total", ("1",)] == 5
                assert found["http_requests_total", ("events", "200")] == 5
                of_each = [found["process_connections", (f"worker {number}",)] for number in range(2)]
                assert sum(of_each) == 6
                names = {"worker 0", "worker 1", "hub", "supervisor"}
                assert {key[1][0] for key in found if key[0] == "process_memory_bytes"} == names
                assert found["hub_workers", ()] == 2
                assert found["processes", ("ready",)] == 3
                assert found["ready", ()] == 1
            found = await until(connection, lambda v: v["connections", ("1",)] == 0)
            assert found["connections_closed_total", ("1",)] == 6


async def test_the_events_that_the_hub_keeps_are_in_it(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "REVURB_APP_HISTORY_CHANNELS": "a"}
    with serving(tmp_path, "--workers", "2", environment=environment) as server:
        async with asking(server) as connection:
            await until(connection, lambda v: v["history_bytes", ()] == 0)
            await publish(server.port, 3)
            text_bytes = len(b'{"event":"e","data":"x","channel":"a","id":""}')
            await until(connection, lambda v: v["history_bytes", ()] > 3 * text_bytes)


async def test_no_total_goes_back_over_a_kill_and_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", environment=ENVIRONMENT) as server:
        async with asking(server) as connection:
            await publish(server.port, 4)
            await until(connection, lambda v: v["events_published_total", ("1",)] == 4)
            for pid in pids(server):
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            seen = 4.0

            def is_replaced(found: Values) -> bool:
                nonlocal seen
                assert found["events_published_total", ("1",)] >= seen
                seen = found["events_published_total", ("1",)]
                restarts = [found["process_restarts_total", (f"worker {number}",)] for number in range(2)]
                return restarts == [1, 1] and found["processes", ("ready",)] == 3

            await until(connection, is_replaced)
            await publish(server.port, 3)
            await until(connection, lambda v: v["events_published_total", ("1",)] == 7)
            await publish(server.port, 2)
            server.signal(
                signal.SIGHUP
            )  # at once: what they have counted since they told is told at their end
            server.said("restarted workers=2")
            await until(connection, lambda v: v["events_published_total", ("1",)] == 9)
            assert (await connection.request("GET", "/ready")).status == 200


async def test_a_worker_that_hangs_is_shown_and_not_waited_for(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "REVURB_WATCHDOG_WARN": "2"}
    with serving(tmp_path, "--workers", "2", environment=environment) as server:
        async with asking(server) as connection:
            await publish(server.port, 3)
            await until(connection, lambda v: v["events_published_total", ("1",)] == 3)
            stopped = server.workers()[1].pid
            assert stopped is not None
            os.kill(stopped, signal.SIGSTOP)
            try:
                found = await until(connection, lambda v: v["process_blocked", ("worker 1",)] == 1)
                assert found["process_blocked", ("worker 0",)] == 0
                assert found["processes", ("blocked",)] == 1
                assert found["process_age_seconds", ("worker 1",)] > 1.5
                assert (
                    found["process_age_seconds", ("worker 0",)] < found["process_age_seconds", ("worker 1",)]
                )
                assert found["events_published_total", ("1",)] == 3
                assert (await connection.request("GET", "/ready")).status == 200
            finally:
                os.kill(stopped, signal.SIGCONT)
            await until(connection, lambda v: v["process_blocked", ("worker 1",)] == 0)


async def test_a_server_that_drains_is_not_ready(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "REVURB_DRAIN_DELAY": "30"}
    with serving(tmp_path, "--workers", "2", environment=environment) as server:
        async with asking(server) as connection:
            server.signal(signal.SIGTERM)
            server.becomes(lambda status: status.state == "draining")
            answer = await connection.request("GET", "/ready")
            assert (answer.status, answer.text) == (503, "draining\n")
            assert (await until(connection, lambda v: v["ready", ()] == 0))["ready", ()] == 0
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


async def test_a_server_that_waits_for_redis_is_not_ready(tmp_path: Path) -> None:
    """As its clients' port says."""
    redis = {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    with serving(tmp_path, "--workers", "2", environment={**ENVIRONMENT, **redis}) as server:
        async with asking(server) as connection, http(server.port) as clients:
            found = await until(connection, lambda v: v["processes", ("ready",)] == 3)
            told = await clients.request("GET", "/ready")
            answer = await connection.request("GET", "/ready")
            assert (told.status, answer.status) == (503, 503)
            assert answer.text == f"{told.json()['reason']}\n"
            assert found["ready", ()] == 0


def test_an_address_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    with serving(tmp_path, environment=ENVIRONMENT) as server:
        taken = admin_port(server)
        for args in (("--workers", "2"), ()):
            environment = {**ENVIRONMENT, "REVURB_ADMIN_PORT": str(taken)}
            with launched(tmp_path, *args, environment=environment) as other:
                assert other.ended() != 0
                assert (
                    f"cannot listen on 127.0.0.1:{taken}: address already in use, for the admin listener"
                    in other.output
                )


def test_without_a_listener_no_figures_are_told(tmp_path: Path) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "REVURB_ADMIN_PORT"}
    with serving(tmp_path, "--workers", "2", environment=environment) as server:
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        assert "admin" not in server.output
