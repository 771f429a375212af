"""What a client keeps, and what its assertions say, through the client that tests are given."""

from __future__ import annotations

import asyncio

import pytest

from revurb.pusher_client import ChannelRefused
from revurb.testing import AsyncRevurbNode, RevurbNode
from revurb.testing.recording_client import ANSWER_S


def test_what_is_received_later_is_waited_for(revurb_node: RevurbNode) -> None:
    client = revurb_node.client
    client.subscribe("orders")
    revurb_node.trigger("orders", "created", {"id": 7})
    assert client.received("created", channel="orders", data={"id": 7}).json() == {"id": 7}


def test_what_never_comes_is_told_with_what_did(revurb_node: RevurbNode) -> None:
    client = revurb_node.client
    client.subscribe("orders")
    revurb_node.trigger("orders", "created", {"id": 7})
    client.received("created")
    with pytest.raises(AssertionError) as raised:
        client.received("shipped", channel="orders", timeout_s=0.01)
    assert str(raised.value) == (
        'shipped on orders was not received within 0.01 s; what was: \n  created on orders: {"id":7}'
    )


def test_what_came_although_it_should_not_is_told(revurb_node: RevurbNode) -> None:
    client = revurb_node.client
    client.subscribe("orders")
    for number in range(100):
        revurb_node.trigger("orders", "created", {"id": number})
    client.not_received("created", data={"id": 100})
    with pytest.raises(AssertionError, match=r"created with .* was received"):
        client.not_received("created", data={"id": 99})  # everything has come by then


def test_users_get_what_is_theirs(revurb_node: RevurbNode) -> None:
    client = revurb_node.connect("7")
    client.sign_in()
    revurb_node.trigger("#server-to-user-7", "note", {"text": "hello"})
    assert client.received("note").json() == {"text": "hello"}


def test_a_client_event_reaches_the_others_alone(revurb_node: RevurbNode) -> None:
    ann, bob = revurb_node.connect(), revurb_node.connect()
    for client in (ann, bob):
        client.subscribe("private-room")
    ann.trigger("private-room", "client-typing", {})
    bob.received("client-typing", channel="private-room")
    ann.not_received("client-typing")


def test_what_a_client_cannot_do_is_said(revurb_node: RevurbNode) -> None:
    client = revurb_node.client
    with pytest.raises((ValueError, ChannelRefused), match=r'such as connect\("7"\)'):
        client.subscribe("presence-room")
    with pytest.raises(LookupError, match="this client is not on private-room: subscribe to it first"):
        client.trigger("private-room", "client-typing", {})
    with pytest.raises(LookupError, match="this client is not on presence-room"):
        client.members("presence-room")


def test_a_channel_that_was_left_tells_nothing(revurb_node: RevurbNode) -> None:
    client = revurb_node.client
    client.subscribe("orders", "news")
    client.unsubscribe("orders")
    revurb_node.trigger(["orders", "news"], "created", {})
    client.received("created", channel="news")
    client.not_received("created", channel="orders")
    assert [event.channel for event in client.events if event.event == "created"] == ["news"]


def test_several_may_ask_at_a_time(async_revurb_node: AsyncRevurbNode) -> None:
    async def ask() -> None:
        client = await async_revurb_node.connect()
        async with asyncio.timeout(ANSWER_S / 2):
            await asyncio.gather(*(client.not_received("created") for _ in range(5)))

    asyncio.run(ask())
