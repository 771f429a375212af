"""Pusher's own SDKs for Go and Java, as `make sdks` runs them. They are no part of `make test`: they need the tools of
their languages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from revurb import Server
from tests.client import connect
from tests.conftest import Need
from tests.sdks.programs import APP, BUILD, PATIENCE_S, go_output, java_classes, output
from tests.webhook_requests import ALL_EVENTS, ALL_FACTS, webhook_request

# What tests/sdks/java/Scenario.java prints: each thing that happened to a client, and each answer to the server SDK.
JAVA_LINES = """\
ann is CONNECTED
bob is CONNECTED
ann subscribed orders
ann subscribed private-x
bob subscribed private-x
ann sees [ann={"name":"ann"}]
ann sees 7 come
bob sees [7={"name":"7"}, ann={"name":"ann"}]
trigger 200 {}
ann orders created {"a":"é"}
bob private-x client-typing {"on":true}
ann presence-room client-typing {"on":false} by 7
ann cache-last pusher:cache_miss {}
trigger-cached 200 {}
ann cache-last kept {"n":1}
batch 200 {}
ann orders created 1
ann orders created 2
channels 200 {"channels":{"presence-room":{"user_count":2}}}
users 200 {"users":[{"id":"ann"},{"id":"7"}]}
webhook VALID
forged INVALID
foreign SIGNED_WITH_WRONG_KEY
ann #server-to-user-ann note 1
ann sees 7 go
bob is DISCONNECTED
eve error 4001 Application does not exist
done
"""


def webhook() -> tuple[dict[str, str], Any]:
    """A request as a node makes it, for the environment of a program; and its body."""
    headers, body = webhook_request(APP, ALL_FACTS)
    environ = {"WEBHOOK": body.decode(), "WEBHOOK_SIGNATURE": headers["X-Pusher-Signature"]}
    return environ, json.loads(body)


def without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}


@pytest.mark.timeout(PATIENCE_S)
async def test_go(need: Need) -> None:
    async with Server(apps=[APP], port=0) as server, connect(server.port, APP.key) as ann:
        await ann.sign_in(APP, "ann")
        await ann.subscribe("orders")
        await ann.subscribe("presence-room", APP, {"user_id": 7, "user_info": {"name": "Ann"}})
        environ, body = webhook()
        lines = await go_output(need, ".", PORT=str(server.port), **environ)
        found = {name: json.loads(text) for name, text in (line.split(" ", 1) for line in lines)}
        signature = APP.sign("1.2:private-x")
        assert found == {
            "trigger": None,
            "trigger-multi": None,
            "trigger-info": {"channels": {"presence-room": {"user_count": 1, "subscription_count": 1}}},
            "batch": {"batch": None},
            "batch-info": {"batch": [{"user_count": 1}, {}]},
            "send-to-user": None,
            "channels": {"channels": {"presence-room": {"user_count": 1}}},
            "channel": {"Name": "presence-room", "occupied": True, "user_count": 1, "subscription_count": 1},
            "channel-empty": {"Name": "nobody"},
            "users": {"users": [{"id": "7"}]},
            "users-empty": {"users": []},
            "users-public-refused": True,
            "authorize": f'{{"auth":"key1:{signature}"}}',
            # The SDK knows no subscription_count, and leaves that number out.
            "webhook": {**body, "events": [without(event, "subscription_count") for event in ALL_EVENTS]},
            "webhook-forged-refused": True,
        }
        for name in ("created", "several", "several", "described", "one", "two", "three", "four", "hello"):
            assert (await ann.expect(name))["data"] == '{"a":"é"}'


@pytest.mark.timeout(PATIENCE_S)
async def test_java(need: Need) -> None:
    java = await java_classes(need)
    async with Server(apps=[APP], port=0) as server:
        lines = await output(*java, "Scenario", cwd=BUILD, PORT=str(server.port), **webhook()[0])
    assert lines == JAVA_LINES.splitlines()
