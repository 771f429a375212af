"""The captured messages of PHP nodes, read as they were meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from revurb.bus.reverb.metrics_messages import MetricsAnswer, MetricsQuestion, write_question
from revurb.bus.reverb.php_release import PhpRelease
from revurb.bus.reverb.reverb_messages import ReverbEvent, Terminate, read, write_event, write_terminate
from revurb.pusher.messages import event_text
from revurb.pusher.ports import PublishedEvent
from tests.bus.reverb.php_node import CAPTURES, captured


@pytest.mark.parametrize("path", sorted(CAPTURES.iterdir()), ids=lambda path: path.stem)
def test_every_capture_is_understood(path: Any) -> None:
    received = read(path.read_bytes())
    kind = json.loads(path.read_bytes())["type"]
    expected = {"message": ReverbEvent, "terminate": Terminate, "metrics": MetricsQuestion}.get(
        kind, MetricsAnswer
    )
    assert type(received) is expected


def test_events_arrive_as_php_clients_get_them() -> None:
    assert read(captured("02-event-channel-1")) == ReverbEvent(
        "app1",
        (("pub", rb'{"event":"my-event","data":"{\"some\":\"data\"}","channel":"pub"}'),),
        None,
        True,
        PhpRelease.NEW,
    )
    several = read(captured("03-event-channels-1"))
    assert isinstance(several, ReverbEvent)
    assert [channel for channel, _ in several.events] == ["pub", "private-x", "nobody"]
    assert json.loads(several.events[1][1]) == {
        "event": "App\\Events\\Foo",
        "channel": "private-x",
        "data": '{"u":"http://a/b","e":"é€😀"}',
    }
    client = read(captured("09-client-event-presence-1"))
    assert isinstance(client, ReverbEvent)
    assert client.except_socket_id == "443542127.664247713"
    assert not client.triggered
    assert json.loads(client.events[0][1]) == {
        "event": "client-typing",
        "channel": "presence-r",
        "data": {"n": 1},
        "user_id": "1",
    }


@pytest.mark.parametrize(
    ("written", "told"), [(b"7", "7"), (b"-1.50", "-1.50"), (b'"7"', "7"), (b"null", None)]
)
def test_the_sender_of_a_client_event_is_told_as_text(written: bytes, told: str | None) -> None:
    data = captured("09-client-event-presence-1")
    assert data.count(b'"user_id":"1"') == 1
    client = read(data.replace(b'"user_id":"1"', b'"user_id":' + written))
    assert isinstance(client, ReverbEvent)
    assert json.loads(client.events[0][1])["user_id"] == told


def test_what_a_client_made_up_is_left_out() -> None:
    forged = read(captured("10-client-event-all-1"))
    assert isinstance(forged, ReverbEvent)
    assert json.loads(forged.events[0][1]) == {
        "event": "client-typing",
        "channel": "private-x",
        "data": {"n": 1},
    }


def test_what_revurb_nodes_say_is_not_for_revurb_nodes() -> None:
    metric = MetricsQuestion("AAAAAAAAAA", "app1", "CONNECTIONS", {})
    for data in (
        write_event("n2", PublishedEvent("app1", "", event_text("e", "1", "c"))),
        write_terminate("n2", "app1", "1"),
        write_question("n2", metric, {}),
    ):
        assert read(data) is None
