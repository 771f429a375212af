"""A link that the test speaks for, and a node behind it."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLinkOwner, HostEvents
from revurb.bus.brokered.brokered_bus import BrokeredBus
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.pusher.facts import WantedFacts
from revurb.pusher.ports import ChannelSnapshot, DeliverableEvent, EnterRequest, PublishedEvent

APP = "app1"


class ScriptedLink:
    """A `BrokerLink` that keeps what it is given, and is full when the test says so."""

    takes_parts = False
    confirms_changes = False
    holds_counts = False
    invalid_messages = 0
    name = "scripted"
    log: HostEvents | None = None
    token = 0

    def __init__(self, owner: BrokerLinkOwner) -> None:
        self.owner = owner
        self.is_full = False
        self.sent: list[m.FromWorker] = []
        self.lifetime: list[str] = []  # "started" and "stopped"
        self.ticks: list[float] = []

    def start(self) -> None:
        self.lifetime.append("started")

    async def stop(self) -> None:
        self.lifetime.append("stopped")

    def send(self, message: m.FromWorker) -> None:
        self.sent.append(message)

    def tick(self, now: float) -> None:
        self.ticks.append(now)

    def partition_of(self, app_id: str, channel: str) -> int:
        return 0

    def lag_s(self, now: float) -> float | None:
        return None

    def tell_facts(self, wanted: WantedFacts) -> None: ...

    def has_place(self, app_id: str, limit: int | None, count: int) -> bool:
        return limit is None

    def released(self, app_id: str, count: int) -> None: ...

    def hold_receiving(self, is_held: bool) -> None: ...


class Node:
    """A bus, its link, and what its receiver was called with."""

    def __init__(self, *, linked: bool = True) -> None:
        self.delivered: list[bytes] = []
        self.terminated: list[str] = []
        self.entered: list[ChannelSnapshot] = []
        self.links: list[ScriptedLink] = []
        self.bus = BrokeredBus("n1", self, MEMBER_EVENTS, self._connect)
        [self.link] = self.links
        if linked:
            self.bus.linked()
            self.bus.receive((m.Welcome("epoch", 0),))
            self.link.sent.clear()

    def _connect(self, owner: BrokerLinkOwner) -> ScriptedLink:
        self.links.append(ScriptedLink(owner))
        return self.links[-1]

    def deliver(self, event: DeliverableEvent) -> None:
        self.delivered.append(event.text)

    def terminate(self, app_id: str, user_id: str) -> None:
        self.terminated.append(user_id)

    def answer(self, question: bytes) -> bytes:
        return question[::-1]

    def enter(self, channel: str = "news") -> None:
        self.bus.enter(EnterRequest(APP, channel, None, b"", False), self.entered.append)

    def publish(self, text: bytes) -> None:
        self.bus.publish(PublishedEvent(APP, "news", text))

    def hear(self, text: bytes, seq: int, *, of: str = "n2", partition: int = 0) -> None:
        self.bus.receive((m.BrokerEvent(of, seq, APP, "news", text, None, partition),))

    @property
    def published(self) -> list[bytes]:
        return [message.text for message in self.link.sent if isinstance(message, m.Publish)]
