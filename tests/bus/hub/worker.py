"""A broker and its workers without the connections between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.event_log import LogDescriptors
from revurb.bus.hub.peer import Peer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member, PublishedEvent
from tests.bus.engines import APP
from tests.bus.hub.host_log import LogListener, a_log
from tests.bus.hub.memory_writer import MemoryWriter
from tests.pusher.room import Clock


class LoggingBroker(Broker):
    """Knows the log that it was given."""

    def __init__(self, clock: Callable[[], float], **more: Any) -> None:
        self.descriptors: LogDescriptors = a_log(self)
        super().__init__(MEMBER_EVENTS, self.descriptors, clock, **more)


def a_broker(clock: Callable[[], float] | None = None, *, lease_s: float = 5, **more: Any) -> LoggingBroker:
    return LoggingBroker(Clock() if clock is None else clock, lease_s=lease_s, **more)


class Worker:
    """A worker's side of a connection, without the connection. It reports `members` on each of the channels."""

    def __init__(
        self,
        broker: LoggingBroker,
        node: str,
        *channels: str,
        epoch: str = "",
        members: Sequence[Member] = (),
        departed: Sequence[m.DepartedMember] = (),
        entrusted: Sequence[m.EntrustedMembers] = (),
    ) -> None:
        self.broker = broker
        self.writer = MemoryWriter()
        self.peer = Peer(self.writer, 0)
        self.log = LogListener(broker.descriptors, *channels)
        reports = [m.ChannelReport(APP, channel, 1, list(members)) for channel in channels]
        self.send(m.Hello(node, epoch, {}, reports, [], list(departed), list(entrusted), self.log.token))

    def send(self, *messages: m.FromWorker) -> None:
        self.broker.receive(self.peer, [m.encode(message) for message in messages])

    def publish(self, text: bytes, channel: str = "news", cache_ttl_s: int = 0) -> None:
        self.log.place(PublishedEvent(APP, channel, text, None, cache_ttl_s))

    def received(self) -> list[m.FromBroker]:
        """What was written to it since the last call."""
        messages = self.writer.messages()
        self.writer.written.clear()
        return messages

    def texts(self) -> list[bytes]:
        """The events that were appended since the last call, of its channels. What was written to it is forgotten."""
        self.writer.written.clear()
        return [each.text for each in self.log.heard() if isinstance(each, m.BrokerEvent | PublishedEvent)]
