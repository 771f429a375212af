"""The events that the bus publishes itself."""

from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import PublishedEvent
from tests.bus.engines import APP


def test_what_members_are_told_with() -> None:
    """The hook of the bus' events does nothing by itself."""
    MEMBER_EVENTS.on_published(PublishedEvent(APP, "presence-room", b""))
