"""The relay as a process: what a host with one is to Redis and to PHP nodes, and how it is replaced."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from revurb.apps import App
from revurb.processes.control_socket import ControlRequest, ServerStatus
from tests.bus.reverb.php_node import PhpNode
from tests.client import Client, api, connect
from tests.conftest import Need, Run
from tests.processes.serving import Serving, all_ready, pids, serving
from tests.redis_server import RedisServer

APP = App(id="app1", key="app1-key", secret="app1-secret")
CONFIG = f'[[apps]]\nid = "{APP.id}"\nkey = "{APP.key}"\nsecret = "{APP.secret}"\n'
CLIENTS = 6


@pytest.fixture
def redis(need: Need, tmp_path: Path, run: Run) -> Iterator[RedisServer]:
    server = RedisServer(need("redis-server"), tmp_path)
    run(server.start())
    yield server
    run(server.kill())


@pytest.fixture
def host(redis: RedisServer, tmp_path: Path) -> Iterator[Serving]:
    """Two workers with a relay."""
    (tmp_path / "revurb.toml").write_text(CONFIG)
    with serving(tmp_path, "--workers", "2", environment=environment(redis)) as server:
        server.becomes(is_connected)
        yield server


def environment(redis: RedisServer, **more: str) -> dict[str, str]:
    return {"REVERB_SCALING_ENABLED": "true", "REDIS_URL": f"unix://{redis.socket}", **more}


def is_connected(status: ServerStatus) -> bool:
    return all_ready(status) and not any(row.bus for row in status.processes)


def relay_pid(status: ServerStatus) -> int:
    (pid,) = (row.pid for row in status.processes if row.process == "relay" and row.state != "draining")
    assert pid is not None
    return pid


@asynccontextmanager
async def subscribed(host: Serving, channel: str = "news") -> AsyncIterator[list[Client]]:
    """Clients on both workers."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(CLIENTS):
            clients.append(await stack.enter_async_context(connect(host.port, APP.key)))
            await clients[-1].subscribe(channel)
        yield clients


async def publish(host: Serving, name: str) -> None:
    body = {"name": name, "channel": "news", "data": "x"}
    assert (await api(host.port, APP, "POST", "/events", body)).status == 200


@pytest.mark.parametrize("workers", ["2", "3"])
def test_a_host_has_two_connections_to_redis_however_many_workers(
    redis: RedisServer, tmp_path: Path, run: Run, workers: str
) -> None:
    async def connections() -> int:
        async with redis.client() as client:
            found: Any = await client.client_list()
            return len(found) - 1  # without this one

    with serving(tmp_path, "--workers", workers, environment=environment(redis)) as host:
        host.becomes(is_connected)
        assert run(connections()) == 2
        host.signal(signal.SIGTERM)
        assert host.ended() == 0
        assert "relay ends" in host.output
    assert run(connections()) == 0


def test_php_nodes_and_the_workers_hear_each_other_once(redis: RedisServer, host: Serving, run: Run) -> None:
    async def main() -> None:
        channels: dict[str, str | None] = {"news": None}
        php = PhpNode(redis, **{"1_1": channels})
        await php.start()
        try:
            async with subscribed(host) as clients:
                host.said("a PHP Reverb node listens", times=2)
                await publish(host, "first")
                before = len(php.clients["1.1"].got)
                await publish(host, "last")
                await php.until(lambda: len(php.clients["1.1"].got) > before)
                for client in clients:
                    while (await client.next_event())["event"] != "last":
                        pass
                    await client.expect_silence()
                await php.everything()
                names = [event["event"] for event in php.clients["1.1"].got]
                assert names == sorted(set(names), key=names.index)
                assert names[-1] == "last"
        finally:
            await php.stop()

    run(main())


@pytest.mark.parametrize("kind", ["connections", "channels", "channel", "channel_users"])
def test_php_nodes_get_one_answer_of_a_host(redis: RedisServer, host: Serving, run: Run, kind: str) -> None:
    """They wait for one of each subscriber that Redis counts."""
    options: dict[str, dict[str, str]] = {
        "connections": {},
        "channels": {"info": "subscription_count"},
        "channel": {"channel": "news", "info": "subscription_count,occupied"},
        "channel_users": {"channel": "presence-room"},
    }
    expected: dict[str, Any] = {
        "connections": 2 * CLIENTS,
        "channels": {"subscription_count": CLIENTS},
        "channel": {"subscription_count": CLIENTS, "occupied": True},
        "channel_users": [{"id": "ann"}, {"id": "bob"}],
    }

    async def main() -> Any:
        php = PhpNode(redis)
        php.is_old = True
        await php.start()
        try:
            async with subscribed(host), AsyncExitStack() as stack:
                for number in range(CLIENTS):
                    member = await stack.enter_async_context(connect(host.port, APP.key))
                    await member.subscribe("presence-room", APP, {"user_id": ("ann", "bob")[number % 2]})
                receivers, answers = await php.old_question(kind, options[kind])
                assert receivers == len(answers) == 2  # one of them its own
                return max(answers, key=lambda answer: len(json.dumps(answer)))
        finally:
            await php.stop()

    answer = run(main())
    if kind == "connections":
        answer = len(answer)
    elif kind == "channels":
        answer = answer["news"]
    elif kind == "channel_users":
        answer.sort(key=lambda user: user["id"])
    assert answer == expected[kind]


def test_a_restart_replaces_the_relay_too(host: Serving, run: Run) -> None:
    before = host.status()

    async def main() -> None:
        async with subscribed(host) as clients:
            await publish(host, "after")
            for client in clients:
                await client.expect("after")

    assert host.request(ControlRequest("restart")).error is None
    run(main())
    after = host.becomes(lambda status: all(row.state != "draining" for row in status.processes))
    assert relay_pid(after) != relay_pid(before)
    assert not {row.pid for row in after.processes} & {row.pid for row in before.processes}


def test_a_restart_replaces_a_relay_that_was_sent_a_signal(host: Serving, run: Run) -> None:
    """It goes on meanwhile, since its workers do."""
    before = host.status()
    os.kill(relay_pid(before), signal.SIGTERM)
    host.said("relay stays until its workers have gone")
    assert is_connected(host.status())
    assert host.request(ControlRequest("restart")).error is None
    after = host.becomes(lambda status: is_connected(status) and relay_pid(status) != relay_pid(before))
    assert relay_pid(before) not in {row.pid for row in after.processes}
    assert "killing it" not in host.output


def test_a_relay_that_is_killed_is_replaced_and_no_event_is_lost(host: Serving, run: Run) -> None:
    before = host.status()

    async def main() -> None:
        async with subscribed(host) as clients:
            await publish(host, "1")
            os.kill(relay_pid(before), signal.SIGKILL)
            for number in range(2, 20):
                await publish(host, str(number))
            for client in clients:
                for number in range(1, 20):
                    await client.expect(str(number))

    run(main())
    after = host.becomes(lambda status: is_connected(status) and relay_pid(status) != relay_pid(before))
    assert [row.pid for row in after.processes if row.process != "relay"] == pids(host)


def test_a_configuration_that_no_relay_can_use_stops_the_restart(
    redis: RedisServer, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "revurb.toml").write_text(
        f'[scaling]\nenabled = true\n[scaling.redis]\nurl = "unix://{redis.socket}"\n'
    )
    with serving(tmp_path, "--workers", "2") as host:
        before = host.becomes(is_connected)
        (tmp_path / "revurb.toml").write_text(
            '[scaling]\nenabled = true\n[scaling.redis]\nurl = "nonsense"\n'
        )
        error = host.request(ControlRequest("restart")).error
        assert error is not None
        assert "scaling.redis.url" in error
        assert {row.pid for row in host.status().processes} == {row.pid for row in before.processes}
