from __future__ import annotations

from revurb.node.watched_handler import WatchedHandler
from revurb.pusher.errors import UnknownApp
from revurb.pusher.session import Refusal


def test_a_handler_is_watched_as_it_is() -> None:
    told: list[str] = []
    handler = Refusal(UnknownApp())
    watched = WatchedHandler(handler, lambda: told.append("closed"))
    assert watched.on_message == handler.on_message
    assert watched.opened == handler.opened
    assert (watched.ping_interval_s, watched.max_message_size_bytes) == (60.0, 10_000)
    watched.closed()
    assert told == ["closed"]
