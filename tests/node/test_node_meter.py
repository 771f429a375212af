"""What happens to clients, as the figures of a node have it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from revurb import App, Server
from revurb.config import config_of
from revurb.inspection.figure_history import FIGURES
from revurb.node.node import Node
from revurb.observe.figures import Figures
from revurb.observe.metrics import BY_NAME
from tests.client import api, connect, http

APP = App(id="1", key="k", secret="s", max_connections=3, accept_client_events_from="members")
OTHER = App(id="2", key="k2", secret="s2", allowed_origins=("example.com",))


def value(server: Server, name: str, *labels: str) -> float:
    figures: Figures = server._node.figures()
    numbers = figures.values.get(name, {}).get(labels, [0])
    return sum(numbers[:-1]) if BY_NAME[name].kind == "histogram" else numbers[0]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_connections_and_handshakes() -> None:
    async with Server(apps=[APP, OTHER], port=0, max_connections=100) as server:
        async with connect(server.port, "k"), connect(server.port, "k"), connect(server.port, "k"):
            assert value(server, "connections", "1") == 3
            async with connect(server.port, "k", greet=False) as full:
                assert await full.closed() == 4004
        for key in ("nope", "k2"):
            async with connect(server.port, key, greet=False) as refused:
                await refused.closed()
        async with http(server.port) as connection:
            await connection.request("GET", "/app/k", headers=[("Upgrade", "websocket")])
        await until(lambda: value(server, "connections", "1") == 0)
        assert value(server, "connections_opened_total", "1") == 3
        assert value(server, "connections_closed_total", "1") == 3
        results = {"accepted": 3, "app_full": 1, "unknown_app": 1, "origin_refused": 1, "malformed": 1}
        found = {
            labels[0]: numbers[0]
            for labels, numbers in server._node.figures().values["handshakes_total"].items()
        }
        assert found == results
        assert value(server, "refusals_total", "unknown app") == 1
        assert value(server, "refusals_total", "app is full") == 1


async def test_handshakes_that_are_refused_otherwise() -> None:
    disabled = App(id="3", key="k3", secret="s3", is_enabled=False)
    server = Server(
        apps=[APP, disabled], port=0, max_connections=2, max_connections_per_address=1, trusted_proxies=["127.0.0.1"]
    )  # fmt: skip
    async with server:
        first, second = [("X-Forwarded-For", "192.0.2.7")], [("X-Forwarded-For", "192.0.2.8")]
        async with connect(server.port, "k", headers=first):
            for key, code in (("k3", 4003), ("k", 4100)):
                async with connect(server.port, key, headers=first, greet=False) as refused:
                    assert await refused.closed() == code
            async with connect(server.port, "k", headers=second):
                async with connect(server.port, "k", headers=second, greet=False) as refused:
                    assert await refused.closed() == 4100
        found = {
            labels[0]: numbers[0]
            for labels, numbers in server._node.figures().values["handshakes_total"].items()
        }
        assert found == {"accepted": 2, "app_disabled": 1, "address_full": 1, "server_full": 1}


async def test_subscriptions_and_channels() -> None:
    def channels() -> dict[str, float]:
        return {
            kind: value(server, "channels", "1", kind) for kind in ("public", "private", "presence", "user")
        }

    async with Server(apps=[APP], port=0) as server:
        async with connect(server.port, "k") as one, connect(server.port, "k") as two:
            for client in (one, two):
                await client.subscribe("news")
                await client.subscribe("news")  # answered again, and not counted
                await client.subscribe("private-a", APP)
                await client.subscribe("presence-a", APP, {"user_id": "ann"})
            await one.subscribe("cache-a")
            await one.expect("pusher:cache_miss")
            await api(server.port, APP, "POST", "/events", {"name": "e", "channel": "cache-a", "data": "x"})
            await one.expect("e")
            await two.subscribe("cache-a")
            await two.expect("e")
            assert value(server, "subscriptions", "1") == value(server, "subscriptions_total", "1") == 8
            assert channels() == {"public": 2, "private": 1, "presence": 1, "user": 0}
            assert value(server, "users", "1") == value(server, "presence_members") == 1
            assert value(server, "bus_topics") == 4
            assert value(server, "cache_hits_total") == value(server, "cache_misses_total") == 1
            await one.send({"event": "pusher:subscribe", "data": {"channel": "private-b", "auth": "no"}})
            await one.expect("pusher:error")
            assert value(server, "subscriptions_refused_total") == 1
            await one.send({"event": "pusher:unsubscribe", "data": {"channel": "private-a"}})
            await until(lambda: value(server, "subscriptions", "1") == 7)
        await until(lambda: value(server, "subscriptions", "1") == 0)
        await until(lambda: not any(channels().values()))
        assert (
            value(server, "users", "1")
            == value(server, "presence_members")
            == value(server, "bus_topics")
            == 0
        )
        assert value(server, "subscriptions_total", "1") == 8


async def test_messages_and_deliveries() -> None:
    async with Server(apps=[APP], port=0) as server:
        async with connect(server.port, "k") as one, connect(server.port, "k") as two:
            for client in (one, two):
                await client.subscribe("private-a", APP)
            before = value(server, "messages_received_total", "1"), value(server, "received_bytes_total", "1")
            text = '{"event":"client-a","channel":"private-a","data":{}}'
            await one.send(text)
            await two.expect("client-a")
            assert value(server, "messages_received_total", "1") == before[0] + 1
            assert value(server, "received_bytes_total", "1") == before[1] + len(text)
            assert value(server, "client_events_total", "1") == 1
            assert value(server, "events_delivered_total", "1") == 1
            channels = ["private-a", "nobody"]
            await api(server.port, APP, "POST", "/events", {"name": "e", "channels": channels, "data": "x"})
            await one.expect("e")
            await two.expect("e")
            assert value(server, "events_published_total", "1") == 2
            assert value(server, "events_delivered_total", "1") == 3
            assert value(server, "events_unheard_total") == 1
            assert value(server, "fanout_subscribers") == 2
            sizes = server._node.figures().values["fanout_subscribers"][()]
            assert sizes[1:3] == [1, 1]  # to one, and to up to four
            assert sizes[-1] == 3
            assert value(server, "delivered_bytes_total", "1") < value(server, "sent_bytes_total")
            assert value(server, "frames_sent_total") >= 3
            assert value(server, "flush_seconds") > 0
            assert value(server, "queued_bytes", "outbox") == value(server, "queued_bytes", "transport") == 0


async def test_apps_beyond_the_limit_are_together() -> None:
    apps = tuple(App(id=str(number), key=f"k{number}", secret="s") for number in range(5))
    node = Node(config_of({"server.port": 0, "metrics.max_apps": 2}, apps))
    await node.start()
    try:
        for app in apps:
            async with connect(node.port, app.key) as client:
                await client.subscribe("a")
        opened = node.figures().values["connections_opened_total"]
        assert opened == {("0",): [1], ("1",): [1], ("other",): [3]}
    finally:
        await node.stop(0)


async def test_the_end_of_the_certificate_is_told(tmp_path: Path) -> None:
    ends_at = datetime.now(UTC) + timedelta(days=30)
    issued = trustme.CA().issue_cert("localhost", not_after=ends_at)
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    async with Server(apps=[APP], port=0, tls_cert=cert, tls_key=key) as server:
        told = value(server, "certificate_end_timestamp_seconds")
        assert told == pytest.approx(ends_at.timestamp(), abs=2)


async def test_the_loop_is_measured() -> None:
    async with Server(apps=[APP], port=0) as server:
        await until(lambda: value(server, "loop_lag_seconds") >= 2)


async def test_a_sample_has_what_the_console_shows() -> None:
    async with Server(apps=[APP], port=0) as server, connect(server.port, "k") as client:
        await client.subscribe("a")
        await server.trigger("a", "e", "x")
        await client.expect("e")
        node = server._node

        def is_late() -> bool:
            time.sleep(0.02)  # what holds up a loop; on a quiet machine it is never late
            return node._meter._worst_lag_s > 0

        await until(is_late)
        sample = dict(zip(FIGURES, node._meter.sample(node._connections), strict=True))
        counted = ("connections", "channels", "subscriptions", "messages_in", "deliveries", "publishes")
        assert [sample[name] for name in counted] == [1, 1, 1, 1, 1, 1]
        assert sample["messages_out"] == 4  # the answer to the handshake is one
        assert sample["bytes_out"] > 100
        assert sample["memory_bytes"] > 1_000_000
        assert sample["cpu_s"] > 0
        assert sample["loop_lag_ms"] > 0
        again = dict(zip(FIGURES, node._meter.sample(node._connections), strict=True))
        assert again["loop_lag_ms"] == 0


async def test_every_figure_is_declared_with_its_labels() -> None:
    async with Server(apps=[APP], port=0, admin_port=0) as server:
        async with connect(server.port, "k"):
            await api(server.port, APP, "GET", "/channels")
            for name, samples in server._node.figures().values.items():
                metric = BY_NAME[name]
                for labels, numbers in samples.items():
                    assert (len(labels), len(numbers)) == (len(metric.labels), metric.width), name
