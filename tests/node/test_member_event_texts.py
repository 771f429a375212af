from __future__ import annotations

import json

from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member


def test_the_events_have_the_json_of_the_app() -> None:
    member = Member("ann", b'"ann"', b'{"name": "\xc3\xa9"}')
    added = json.loads(MEMBER_EVENTS.added("presence-a", member))
    assert (added["event"], added["channel"]) == ("pusher_internal:member_added", "presence-a")
    assert json.loads(added["data"]) == {"user_id": "ann", "user_info": {"name": "é"}}
    removed = json.loads(MEMBER_EVENTS.removed("presence-a", member))
    assert (removed["event"], removed["channel"]) == ("pusher_internal:member_removed", "presence-a")
    assert json.loads(removed["data"]) == {"user_id": "ann"}


def test_of_users_the_events_say_that_they_come_online_and_go_offline() -> None:
    """What pusher-js reads; such a message has no channel."""
    ann = Member('ann "\u00e9', b'"ann \\"\xc3\xa9"', b"null")
    for name, text in (
        ("online", MEMBER_EVENTS.added("#online-ann", ann)),
        ("offline", MEMBER_EVENTS.removed("#online-ann", ann)),
    ):
        message = json.loads(text)
        assert message.keys() == {"event", "data"}
        assert message["event"] == "pusher_internal:watchlist_events"
        assert json.loads(message["data"]) == {"events": [{"name": name, "user_ids": ['ann "é']}]}
