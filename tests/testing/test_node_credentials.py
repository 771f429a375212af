"""What an application is told of a node."""

from __future__ import annotations

import pusher  # type: ignore[import-untyped]

from revurb.testing import RevurbNode


def test_an_sdk_reaches_the_node_with_it(revurb_node: RevurbNode) -> None:
    node = revurb_node
    sdk = pusher.Pusher(
        app_id=node.app_id, key=node.key, secret=node.secret, host=node.host, port=node.port, ssl=False
    )
    sdk.trigger("orders", "created", {"id": 7})
    (sent,) = node.sent
    assert (sent.channels, sent.event) == (("orders",), "created")


def test_the_environment_has_the_names_of_laravel_and_of_pusher(revurb_node: RevurbNode) -> None:
    environment = revurb_node.environment
    assert environment["REVERB_APP_SECRET"] == environment["PUSHER_APP_SECRET"] == revurb_node.secret
    assert environment["REVERB_PORT"] == str(revurb_node.port)
    assert f"{environment['REVERB_SCHEME']}://{environment['REVERB_HOST']}:{environment['REVERB_PORT']}" == (
        revurb_node.url
    )
    assert revurb_node.ws_url == revurb_node.url.replace("http", "ws")
