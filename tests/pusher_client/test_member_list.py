"""Who is on a presence channel, as messages tell it."""

from __future__ import annotations

import json
from typing import Any

from revurb.pusher_client.member_list import ChannelMember, MemberList
from revurb.pusher_client.received_message import ReceivedMessage

ANN, BOB, EVE = ChannelMember("ann", {"tab": 1}), ChannelMember("bob"), ChannelMember("eve")


def listed(**members: Any) -> ReceivedMessage:
    data = {"presence": {"count": len(members), "ids": list(members), "hash": members}}
    return ReceivedMessage("pusher_internal:subscription_succeeded", "presence-a", json.dumps(data), {})


def one(**data: Any) -> ReceivedMessage:
    return ReceivedMessage("pusher_internal:member_added", "presence-a", json.dumps(data), {})


def test_the_first_list_tells_of_nobody() -> None:
    members = MemberList()
    members.my_id = "ann"
    assert members.me is None
    assert members.replace(listed(ann={"tab": 1}, bob=None)) == ([], [])
    assert list(members) == [ANN, BOB]
    assert len(members) == 2
    assert "bob" in members
    assert members.get("bob") == BOB
    assert members.get("eve") is None
    assert members.me == ANN


def test_a_later_list_tells_who_came_and_went() -> None:
    members = MemberList()
    members.replace(listed(ann={"tab": 1}, bob=None))
    assert members.replace(listed(ann={"tab": 2}, eve=None)) == ([EVE], [BOB])
    assert list(members) == [ChannelMember("ann", {"tab": 2}), EVE]


def test_after_an_empty_list_everybody_is_new() -> None:
    members = MemberList()
    members.replace(listed())
    assert members.replace(listed(eve=None)) == ([EVE], [])


def test_one_comes_and_one_goes_once() -> None:
    members = MemberList()
    members.replace(listed())
    assert members.add(one(user_id="ann", user_info={"tab": 1})) == ANN
    assert members.add(one(user_id="ann", user_info={"tab": 1})) is None
    assert members.remove(one(user_id="ann")) == ANN
    assert members.remove(one(user_id="ann")) is None
    assert members.add(one()) is None


def test_nonsense_is_an_empty_list() -> None:
    members = MemberList()
    message = ReceivedMessage("pusher_internal:subscription_succeeded", "presence-a", '{"presence":5}', {})
    assert members.replace(message) == ([], [])
    assert list(members) == []
