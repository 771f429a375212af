"""A broker and its workers without the connections between them."""

from __future__ import annotations

from collections.abc import Sequence

from revurb.bus.brokered import broker_messages as m
from revurb.bus.hub.broker import Broker
from revurb.bus.hub.peer import Peer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.ports import Member
from tests.bus.engines import APP
from tests.bus.hub.memory_writer import MemoryWriter
from tests.pusher.room import Clock


def a_broker() -> Broker:
    return Broker(MEMBER_EVENTS, Clock(), lease_s=5)


class Worker:
    """A worker's side of a connection, without the connection. It reports `members` on each of the channels."""

    def __init__(
        self,
        broker: Broker,
        node: str,
        *channels: str,
        epoch: str = "",
        position: int = 0,
        members: Sequence[Member] = (),
        entrusted: Sequence[m.EntrustedMembers] = (),
    ) -> None:
        self.broker = broker
        self.writer = MemoryWriter()
        self.peer = Peer(self.writer, 0)
        reports = [m.ChannelReport(APP, channel, 1, list(members)) for channel in channels]
        self.send(m.Hello(node, epoch, position, {}, reports, [], [], [], list(entrusted)))

    def send(self, *messages: m.FromWorker) -> None:
        self.broker.receive(self.peer, [m.encode(message) for message in messages])

    def publish(self, *seqs: int, channel: str = "news") -> None:
        self.send(*(m.Publish(seq, APP, channel, b"%d" % seq, None, 0) for seq in seqs))

    def received(self) -> list[m.FromBroker]:
        """What was written since the last call."""
        messages = self.writer.messages()
        self.writer.written.clear()
        return messages

    def take_all(self) -> None:
        """What the server does for a worker whose connection takes everything."""
        while self.peer.backlog is not None:
            self.broker.router.write_backlog(self.peer)
            self.broker.router.took_all(self.peer)

    def texts(self) -> list[bytes]:
        return [message.text for message in self.received() if isinstance(message, m.BrokerEvent)]
