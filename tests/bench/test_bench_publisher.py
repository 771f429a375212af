"""The requests of the generator."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from revurb.apps import App
from revurb.bench.bench_publisher import BenchPublisher, publish_request
from revurb.bench.bench_target import BenchError, BenchTarget
from tests.cli.servers import api_server

APP = App(id="1", key="key", secret="secret")


def send(publisher: BenchPublisher, target: BenchTarget, times: int) -> None:
    async def run() -> None:
        await publisher.open(target)
        try:
            for _ in range(times):
                publisher.send(publish_request(target, "a", "xyz"))
            await publisher.drain()
        finally:
            publisher.close()

    asyncio.run(run())


def test_requests_are_signed_and_answers_are_waited_for() -> None:
    took_s: list[float] = []
    publisher = BenchPublisher()
    publisher.on_answer = took_s.append
    with api_server() as api:
        send(publisher, BenchTarget("127.0.0.1", api.port, APP, "/ws"), 3)
    assert len(took_s) == 3
    for _, path, body in api.requests:
        assert re.match(r"/ws/apps/1/events\?auth_key=key&.*&auth_signature=[0-9a-f]{64}$", path)
        assert json.loads(body) == {"name": "revurb-bench", "channel": "a", "data": "xyz"}


def test_what_is_refused_is_told() -> None:
    with api_server() as api:
        api.status, api.answer = 429, b"Too many."
        with pytest.raises(BenchError, match="the server answered 429: Too many"):
            send(BenchPublisher(), BenchTarget("127.0.0.1", api.port, APP), 1)
