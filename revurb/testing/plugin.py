"""The fixtures for pytest, which finds them where Revurb is installed.

    def test_shipping(revurb_node, client):
        revurb_node.client.subscribe("private-orders")
        client.post("/orders/7/ship")
        revurb_node.client.received("order.shipped", channel="private-orders", data={"id": 7})

Nothing is imported before a test asks for one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from revurb.apps import App
    from revurb.node.loop_thread import LoopThread
    from revurb.testing.async_revurb_node import AsyncRevurbNode
    from revurb.testing.recording_node import RecordingNode
    from revurb.testing.revurb_node import RevurbNode


@pytest.fixture(scope="session")
def revurb_app() -> App:
    """The app of the node, with a new key and secret. Override it for another one."""
    from revurb.apps import App

    return App(id="1", key=secrets.token_hex(10), secret=secrets.token_hex(20))


@pytest.fixture(scope="session")
def revurb_options() -> dict[str, Any]:
    """Arguments of the Server, beside the app. Override it for others, such as `{"path": "/ws"}`."""
    return {}


@pytest.fixture(scope="session")
def running_revurb(
    revurb_app: App, revurb_options: dict[str, Any]
) -> Iterator[tuple[RecordingNode, LoopThread]]:
    """The node of this session, on a free port, and the thread that it runs in."""
    from revurb.node.loop_thread import LoopThread
    from revurb.testing.recording_node import RecordingNode

    node = RecordingNode(revurb_app, revurb_options)
    thread = LoopThread(node.start, node.stop)
    thread.start()
    yield node, thread
    thread.stop()


@pytest.fixture(scope="session")
def session_revurb_node(running_revurb: tuple[RecordingNode, LoopThread]) -> RevurbNode:
    """The node for fixtures of the whole session, which configure an application with its address."""
    from revurb.testing.revurb_node import RevurbNode

    return RevurbNode(*running_revurb)


@pytest.fixture
def revurb_node(session_revurb_node: RevurbNode) -> Iterator[RevurbNode]:
    """The node, with nothing published and no client of another test."""
    session_revurb_node.reset()
    yield session_revurb_node
    session_revurb_node.reset()


@pytest.fixture
def async_revurb_node(
    revurb_node: RevurbNode, running_revurb: tuple[RecordingNode, LoopThread]
) -> AsyncRevurbNode:
    """The same node for a test with an event loop."""
    from revurb.testing.async_revurb_node import AsyncRevurbNode

    return AsyncRevurbNode(*running_revurb)
