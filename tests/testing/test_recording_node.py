"""What a node for tests records, from one test to the next."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from revurb import App
from revurb.node.loop_thread import LoopThread
from revurb.testing import RevurbNode
from revurb.testing.recording_node import RecordingNode


def test_what_is_published_later_is_waited_for(revurb_node: RevurbNode) -> None:
    """As an application does that publishes in a thread, or in a queue's worker."""
    publisher = threading.Thread(target=lambda: revurb_node.trigger("orders", "created", {"id": 7}))
    publisher.start()
    assert revurb_node.published("created", channel="orders").channels == ("orders",)
    publisher.join()


def test_what_was_not_published_is_told_with_what_was(revurb_node: RevurbNode) -> None:
    revurb_node.trigger(["orders", "news"], "created", {"id": 7})
    with pytest.raises(AssertionError) as raised:
        revurb_node.published("created", data={"id": 8}, timeout_s=0.01)
    assert str(raised.value) == (
        'created with {"id": 8} was not published within 0.01 s; what was: \n  created on orders, news: {"id":7}'
    )
    with pytest.raises(AssertionError, match="created on news was published"):
        revurb_node.not_published("created", channel="news")


def test_a_reset_forgets_what_was_published_and_ends_clients(revurb_node: RevurbNode) -> None:
    revurb_node.client.subscribe("orders")
    revurb_node.trigger("orders", "created", {})
    revurb_node.reset()
    assert revurb_node.sent == []
    revurb_node.not_published("created")
    revurb_node.client.subscribe("news")
    assert set(revurb_node.channels()) == {"news"}
    revurb_node.trigger("orders", "created", {})
    assert [sent.event for sent in revurb_node.sent] == ["created"]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"port": 70_000}, "Server.port: found 70000"), ({"prot": 1}, "prot")],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        RecordingNode(App(id="1", key="k", secret="s"), options)


def test_the_options_are_those_of_a_server() -> None:
    node = RecordingNode(App(id="1", key="k", secret="s"), {"path": "/ws"})
    thread = LoopThread(node.start, node.stop)
    thread.start()
    try:
        assert node.server.url.endswith("/ws")
    finally:
        thread.stop()
