"""One server for all the abuse of a module; after each test it still serves a good client and is silent."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

import revurb
from revurb.apps import App
from tests.client import api, connect
from tests.conftest import Run

APP = App(id="app", key="app-key", secret="app-secret")
OTHER = App(id="other", key="other-key", secret="other-secret")


@pytest.fixture(scope="module")
def server(run: Run) -> Iterator[revurb.Server]:
    """A node with short patience for clients that do not go on."""
    node = revurb.Server(apps=[APP, OTHER], port=0, request_timeout_s=1.0, close_timeout_s=1.0)
    run(node.start())
    yield node
    run(node.stop())


@pytest.fixture
def port(server: revurb.Server, run: Run, caplog: pytest.LogCaptureFixture) -> Iterator[int]:
    """The port to abuse."""
    yield server.port
    run(_good_client(server.port))
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert not failures, [record.getMessage() for record in failures]


async def _good_client(port: int) -> None:
    async with connect(port, APP.key) as client:
        await client.subscribe("private-good", APP)
        event = {"name": "good", "channel": "private-good", "data": "1"}
        answer = await api(port, APP, "POST", "/events", event)
        assert answer.status == 200, answer.text
        assert json.loads((await client.expect("good", "private-good"))["data"]) == 1
        await client.expect_silence()
