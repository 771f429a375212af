"""A Flask application that publishes with Pusher's SDK, and its tests."""

from __future__ import annotations

import pusher
import pytest
from flask import Flask
from flask.testing import FlaskClient

from revurb.testing import RevurbNode


def create_app(pusher_client: pusher.Pusher) -> Flask:
    app = Flask(__name__)

    @app.post("/orders/<int:number>/ship")
    def ship(number: int) -> dict[str, int]:
        pusher_client.trigger("private-orders", "order.shipped", {"id": number})
        return {"id": number}

    return app


@pytest.fixture
def web(revurb_node: RevurbNode) -> FlaskClient:
    node = revurb_node
    sdk = pusher.Pusher(
        app_id=node.app_id, key=node.key, secret=node.secret, host=node.host, port=node.port, ssl=False
    )
    return create_app(sdk).test_client()


def test_shipping_is_published(web: FlaskClient, revurb_node: RevurbNode) -> None:
    web.post("/orders/7/ship")
    revurb_node.published("order.shipped", channel="private-orders", data={"id": 7})
    revurb_node.not_published("order.cancelled")


def test_who_listens_is_told(web: FlaskClient, revurb_node: RevurbNode) -> None:
    other = revurb_node.connect()
    other.subscribe("orders")
    revurb_node.client.subscribe("private-orders")
    web.post("/orders/7/ship")
    event = revurb_node.client.received("order.shipped", channel="private-orders")
    assert event.json() == {"id": 7}
    other.not_received("order.shipped")


def test_who_is_there_is_shown(revurb_node: RevurbNode) -> None:
    ann = revurb_node.connect("7", user_info={"name": "Ann"})
    bob = revurb_node.connect("8", user_info={"name": "Bob"})
    ann.subscribe("presence-room")
    bob.subscribe("presence-room")
    ann.received("pusher:member_added", data={"user_id": "8", "user_info": {"name": "Bob"}})
    assert bob.members("presence-room") == {"7": {"name": "Ann"}, "8": {"name": "Bob"}}
    bob.trigger("presence-room", "client-typing", {})
    ann.received("client-typing", channel="presence-room")
