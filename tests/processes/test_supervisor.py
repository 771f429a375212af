"""`revurb serve --workers N` as an operator meets it: real processes, real signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from revurb.processes.control_socket import ControlRequest
from tests.client import api, channel_auth, connect, encode_frame, http
from tests.conftest import Run
from tests.processes.serving import (
    PATIENCE_S,
    Serving,
    all_ready,
    connect_all,
    hub_pid,
    launched,
    pids,
    serving,
    workers,
)
from tests.processes.test_single_node import APP

WORKERS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for the tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("serving")
    with serving(folder, "--workers", str(WORKERS), "--drain-timeout", "3") as running:
        yield running
        running.signal(signal.SIGTERM)
        assert running.ended() == 0
        assert "Traceback" not in running.output


@pytest.fixture
def steady(server: Serving) -> Serving:
    server.becomes(all_ready)
    return server


async def test_the_kernel_spreads_connections(steady: Serving) -> None:
    count = 100
    async with contextlib.AsyncExitStack() as stack:
        await connect_all(stack, steady.port, count)
        status = steady.becomes(lambda status: sum(row.connections for row in status.processes) == count)
    # A fair coin that falls 100 times shows less than 15 of one side once in 10^13 times.
    assert all(row.connections >= 15 for row in workers(status)), status.processes
    steady.becomes(lambda status: sum(row.connections for row in status.processes) == 0)


def test_the_limit_of_open_files_is_said(steady: Serving) -> None:
    assert steady.said(r"starting .*workers=2 open_files_limit=\d+")


async def test_messages_about_a_pending_subscription_wait_for_it(steady: Serving) -> None:
    """All in one TCP segment, so that none can be answered by the hub before the next is read."""
    async with connect(steady.port, "key1") as talker, contextlib.AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(connect(steady.port, "key1")) for _ in range(8)]
        for listener in listeners:  # on both workers, but for once in 100 times
            await listener.subscribe("private-room", APP)
        auth = channel_auth(APP, talker.socket_id, "private-room")
        subscription = {"channel": "private-room", "auth": auth}
        messages: list[dict[str, object]] = [
            {"event": "pusher:subscribe", "data": subscription},
            {"event": "client-one", "channel": "private-room", "data": "1"},
            {"event": "client-two", "channel": "private-room", "data": "2"},
            {"event": "pusher:unsubscribe", "data": {"channel": "private-room"}},
            {"event": "client-none", "channel": "private-room", "data": "not a member any more"},
            {"event": "pusher:subscribe", "data": subscription},
            {"event": "client-three", "channel": "private-room", "data": "3"},
        ]
        await talker.send_bytes(b"".join(encode_frame(1, json.dumps(each).encode()) for each in messages))
        for listener in listeners:
            assert [(await listener.next_event())["event"] for _ in range(3)] == [
                "client-one", "client-two", "client-three",
            ]  # fmt: skip
        answers = [(await talker.next_event())["event"] for _ in range(3)]
        assert answers == [
            "pusher_internal:subscription_succeeded",
            "pusher:error",  # of client-none
            "pusher_internal:subscription_succeeded",
        ]


async def test_a_dead_worker_is_replaced_and_its_socket_served_meanwhile(steady: Serving) -> None:
    before = steady.workers()
    assert before[0].pid is not None
    os.kill(before[0].pid, signal.SIGKILL)
    async with contextlib.AsyncExitStack() as stack:
        await connect_all(stack, steady.port, 40)  # about 20 of them come in on the socket of the dead one
    steady.said(rf"process ended, replacing it child=worker 0 pid={before[0].pid} signal=SIGKILL")
    status = steady.becomes(lambda status: all_ready(status) and status.processes[0].pid != before[0].pid)
    assert status.processes[0].restarts == before[0].restarts + 1
    assert status.processes[1].pid == before[1].pid


async def test_a_worker_that_is_told_to_end_is_replaced_before_it_is_gone(steady: Serving) -> None:
    before = steady.workers()
    assert before[0].pid is not None
    async with contextlib.AsyncExitStack() as stack:
        await connect_all(stack, steady.port, 20)
        os.kill(before[0].pid, signal.SIGTERM)
        steady.said(rf"process leaves unasked, replacing it child=worker 0 pid={before[0].pid}")
        async with connect(steady.port, "key1") as late:
            await late.expect_silence()
    steady.becomes(lambda status: all_ready(status) and status.processes[0].pid != before[0].pid)


async def test_a_restart_moves_clients_to_new_workers(steady: Serving) -> None:
    before, hub = pids(steady), hub_pid(steady.status())
    async with connect(steady.port, "key1") as client:
        reply = await asyncio.to_thread(steady.request, ControlRequest("restart"))
        assert reply.error is None
        assert await client.closed() == 4200
        async with connect(steady.port, "key1") as back:
            await back.subscribe("a")
    assert not set(before) & set(pids(steady))
    assert hub_pid(steady.status()) == hub


def test_sighup_is_a_restart(steady: Serving) -> None:
    before = set(pids(steady))
    steady.signal(signal.SIGHUP)
    steady.becomes(lambda status: all_ready(status) and not before & {row.pid for row in workers(status)})


async def test_all_workers_answer_health_checks(steady: Serving) -> None:
    for _ in range(10):
        async with http(steady.port) as connection:
            assert (await connection.request("GET", "/ready")).status == 200
            assert (await connection.request("GET", "/live")).status == 200


def test_workers_say_that_they_drain_before_they_do(tmp_path: Path, run: Run) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-delay", "600") as server:

        async def until_draining() -> None:
            async with http(server.port) as connection, asyncio.timeout(PATIENCE_S):
                while (await connection.request("GET", "/ready")).status == 200:
                    pass

        async def is_accepted() -> None:
            async with connect(server.port, "key1") as client:
                await client.subscribe("a")

        before = pids(server)
        server.signal(signal.SIGTERM)
        run(until_draining())
        run(is_accepted())
        victim = before[0]
        assert victim is not None
        os.kill(victim, signal.SIGKILL)  # the one that takes its place says so, too
        server.becomes(lambda status: len({row.pid for row in workers(status)} - {None, *before}) == 1)
        for _ in range(10):
            run(until_draining())
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_a_restart_reads_the_configuration_again(tmp_path: Path, run: Run) -> None:
    (tmp_path / "revurb.toml").write_text("[limits]\nmax_request_size_bytes = 1000\n")

    with serving(tmp_path, "--workers", "2") as server:

        async def status_of(size: int) -> int:
            event = {"name": "e", "channel": "c", "data": "x" * size}
            return (await api(server.port, APP, "POST", "/events", event)).status

        assert run(status_of(2000)) == 413
        (tmp_path / "revurb.toml").write_text(
            "[limits]\nmax_request_size_bytes = 5000\n[process]\nworkers = 2\n"
        )
        assert server.request(ControlRequest("restart")).error is None
        assert run(status_of(2000)) == 200

        before = pids(server)
        (tmp_path / "revurb.toml").write_text("[limits]\nmax_request_size_bytes = true\n")
        error = server.request(ControlRequest("restart")).error
        assert error is not None
        assert error.startswith("limits.max_request_size_bytes: found True in revurb.toml")
        server.signal(signal.SIGHUP)
        server.said("restart failed, the old workers stay reason=limits.max_request_size_bytes")
        assert pids(server) == before
        assert run(status_of(2000)) == 200

        (tmp_path / "revurb.toml").write_text("[scaling]\nenabled = true\n")
        error = server.request(ControlRequest("restart")).error
        assert error is not None
        assert error.startswith("scaling.enabled has changed")

        (tmp_path / "revurb.toml").write_text('[server]\npath = "/ws"\nunix_socket = "r.sock"\n')
        assert server.request(ControlRequest("restart")).error is None
        server.said("which a restart of the workers cannot do.* option=server.unix_socket")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


async def test_a_stop_closes_all_clients_and_ends_with_0(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(server.port, "key1")) for _ in range(8)]
            server.signal(signal.SIGTERM)
            assert await asyncio.gather(*(client.closed() for client in clients)) == [4200] * 8
        assert server.ended() == 0
        assert not list(server.runtime_dir.iterdir())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


def test_restarts_at_once_are_one_or_two(steady: Serving) -> None:
    def restarts() -> int:
        return len(re.findall(r"restarting told_by=", steady.output))

    before = restarts()
    for _ in range(20):
        steady.signal(signal.SIGHUP)
    with ThreadPoolExecutor(20) as threads:
        replies = threads.map(steady.request, [ControlRequest("restart")] * 20)
    assert {reply.error for reply in replies} == {None}
    status = steady.becomes(all_ready)
    assert len(status.processes) >= WORKERS + 1
    assert 1 <= restarts() - before <= 3  # the signals may be one of their own


def test_in_the_background_of_a_script_its_signals_are_obeyed(tmp_path: Path) -> None:
    """There SIGINT and SIGQUIT are ignored at the start. Whoever sends them to a server means it."""
    prefix = ("sh", "-c", 'trap "" INT QUIT; exec "$@"', "sh")
    for number, count in ((signal.SIGINT, "1"), (signal.SIGQUIT, "2")):
        with serving(tmp_path, "--workers", count, prefix=prefix) as server:
            server.signal(number)
            assert server.ended() == 0
            assert f"stopping told_by={number.name}" in server.output


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "600") as server:
        async with http(server.port) as stuck:
            await stuck.send_bytes(b"GET /up HTTP/1.1\r\nHo")
            server.signal(signal.SIGTERM)
            server.said("worker is draining", 2)
            server.signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.ended) == 0
    assert "ending at once" in server.output


async def test_workers_whose_supervisor_dies_let_their_clients_go_and_end(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        async with connect(server.port, "key1") as client:
            server.signal(signal.SIGKILL)
            assert await client.closed() == 4200
        server.said("worker is draining told_by=supervisor is gone", 2)
        assert server.ended() == -signal.SIGKILL
        assert server.is_silent()  # the pipe of their output has ended, so they have
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


def test_a_taken_port_ends_the_start_also_if_it_is_one_of_ours(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        with launched(tmp_path, "--workers", "2", "--port", str(server.port)) as other:
            assert other.ended() == 1
            assert f"cannot listen on 127.0.0.1:{server.port}: address already in use" in other.output


async def test_a_unix_socket_is_shared(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--unix-socket", "r.sock") as server:
        for _ in range(3):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "r.sock"))
            writer.write(b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    assert not (tmp_path / "r.sock").exists()


@pytest.mark.skipif(os.getuid() != 0 or not sys.platform.startswith("linux"), reason="needs root and Linux")
def test_as_process_1_it_waits_for_orphans_and_obeys_signals(
    tmp_path: Path, need: Callable[[str], str]
) -> None:
    # In the namespace the shell becomes process 1 and then the server. It leaves it an orphan, which ends on our word.
    os.mkfifo(tmp_path / "go")
    script = 'sh -c "(read line < go) &"; exec "$@"'
    prefix = (need("unshare"), "--pid", "--fork", "sh", "-c", script, "sh")
    with serving(tmp_path, "--workers", "2", prefix=prefix) as server:
        assert server.status().pid == 1
        (first,) = _children(server.process.pid)
        orphans = [pid for pid in _children(first) if Path(f"/proc/{pid}/comm").read_text() == "sh\n"]
        assert len(orphans) == 1
        with (tmp_path / "go").open("w") as go:
            go.write("\n")
        server.becomes(lambda status: not Path(f"/proc/{orphans[0]}").exists())
        os.kill(first, signal.SIGTERM)
        assert server.ended() == 0


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_the_hub_needs_no_file_that_could_be_removed(tmp_path: Path) -> None:
    """A cleaner of /tmp, or a logout, takes the runtime directory away; then all workers and the hub are replaced."""
    with serving(tmp_path, "--workers", "2", "--drain-timeout", "0") as server:
        server.becomes(all_ready)
        before = server.status()
        for path in server.runtime_dir.iterdir():
            if path.suffix != ".sock":  # `revurb status` needs that
                path.unlink()
        server.signal(signal.SIGHUP)
        server.said("restarted workers=2")
        server.becomes(all_ready)  # the old ones have gone
        os.kill(hub_pid(before), signal.SIGKILL)
        status = server.becomes(
            lambda status: (
                all_ready(status)
                and hub_pid(status) != hub_pid(before)
                and [row.bus for row in status.processes] == ["", "", None]
            )
        )
        assert not {row.pid for row in status.processes} & {row.pid for row in before.processes}
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(server.port, "key1")) for _ in range(12)]
            for client in clients:
                await client.subscribe("news")
            answer = await api(
                server.port, APP, "POST", "/events", {"name": "e", "channel": "news", "data": "x"}
            )
            assert answer.status == 200
            for client in clients:  # 12 are on one worker only once in 2,000 times
                await client.expect("e", "news")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
