"""What synchronous tests ask of a node."""

from __future__ import annotations

import pytest

from revurb.testing import RevurbNode


def test_channels_users_and_their_end(revurb_node: RevurbNode) -> None:
    ann = revurb_node.connect("7", user_info={"name": "Ann"})
    ann.subscribe("presence-room", "private-orders")
    assert set(revurb_node.channels("presence-")) == {"presence-room"}
    assert revurb_node.users("presence-room") == ["7"]
    assert ann.members("presence-room") == {"7": {"name": "Ann"}}
    ann.sign_in()
    revurb_node.terminate("7")
    ann.received("pusher:error", data=lambda error: error["code"] == 4009)


def test_the_client_is_the_same_within_a_test_and_another_is_another(revurb_node: RevurbNode) -> None:
    assert revurb_node.client is revurb_node.client
    other = revurb_node.connect()
    assert other.socket_id != revurb_node.client.socket_id
    other.subscribe("orders")
    other.close()
    with pytest.raises(Exception, match="closed"):
        other.subscribe("news")
