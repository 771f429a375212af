"""The messages between a node ("worker") and its broker: MessagePack arrays whose first element is the type's tag.

`seq` numbers the events of one node, from 1 on and without gaps. `epoch` identifies one life of the broker. `id` pairs
a reply with its question.

Wire format: the tags, the order of the fields and their types. The field names are not sent.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from revurb.bus.brokered.count_messages import ConnectionCount as ConnectionCount
from revurb.bus.brokered.count_messages import CountHeld as CountHeld
from revurb.bus.brokered.count_messages import CountTold as CountTold
from revurb.bus.brokered.count_messages import CountWanted as CountWanted
from revurb.bus.brokered.count_messages import SubscriberCount as SubscriberCount
from revurb.bus.brokered.event_messages import ADDED_MEMBERS as ADDED_MEMBERS
from revurb.bus.brokered.event_messages import BROKER_EVENTS as BROKER_EVENTS
from revurb.bus.brokered.event_messages import REMOVED_MEMBERS as REMOVED_MEMBERS
from revurb.bus.brokered.event_messages import Accepted as Accepted
from revurb.bus.brokered.event_messages import BrokerEvent as BrokerEvent
from revurb.bus.brokered.event_messages import Publish as Publish
from revurb.bus.brokered.fact_messages import RECORDED_FACTS as RECORDED_FACTS
from revurb.bus.brokered.fact_messages import FactsBegin as FactsBegin
from revurb.bus.brokered.fact_messages import FactsDone as FactsDone
from revurb.bus.brokered.fact_messages import FactsEnd as FactsEnd
from revurb.bus.brokered.fact_messages import FactsHeld as FactsHeld
from revurb.bus.brokered.fact_messages import FactsLeave as FactsLeave
from revurb.bus.brokered.fact_messages import FactsReady as FactsReady
from revurb.bus.brokered.fact_messages import FactsTaken as FactsTaken
from revurb.bus.brokered.fact_messages import FactsWanted as FactsWanted
from revurb.bus.brokered.fact_messages import KeepForSender as KeepForSender
from revurb.bus.brokered.fact_messages import RecordFact as RecordFact
from revurb.bus.brokered.history_messages import MARKED_GAPS as MARKED_GAPS
from revurb.bus.brokered.history_messages import ForgetHistory as ForgetHistory
from revurb.bus.brokered.history_messages import MarkGap as MarkGap
from revurb.bus.brokered.history_messages import MuchAppended as MuchAppended
from revurb.bus.brokered.history_messages import QueryHistory as QueryHistory
from revurb.bus.brokered.reported_state import CachedEventReport as CachedEventReport
from revurb.bus.brokered.reported_state import ChannelReport as ChannelReport
from revurb.bus.brokered.reported_state import DepartedMember as DepartedMember
from revurb.bus.brokered.reported_state import EntrustedMembers as EntrustedMembers
from revurb.bus.brokered.reported_state import Message
from revurb.pusher.history import HistoryPage, Replay, Resume
from revurb.pusher.ports import ChannelState, Member

VERSION = 3
# The channel of an event whose text is the id of a user, all of whose connections are to be closed.
TERMINATIONS = ""


# From a worker.


class Hello(Message, tag=1):
    """The first message on a connection, but for a `StatePart`: everything that the node holds and has not reported in
    parts, and the `epoch` of the broker that it was last with, "" for none. `entrusted` is what an earlier broker gave
    to the node to keep. `token` names it in the log of its host. `closed` are channels whose last subscriber has left
    since an earlier broker was told of one. `wanted` are the facts that are wanted, by app; `is_sending` is whether the
    node is the one that sends them."""

    node: str
    epoch: str
    connections: dict[str, int]
    channels: list[ChannelReport]
    cached: list[CachedEventReport]
    departed: list[DepartedMember]
    entrusted: list[EntrustedMembers] = msgspec.field(default_factory=list)
    token: int = 0
    closed: list[tuple[str, str]] = msgspec.field(default_factory=list)
    wanted: dict[str, int] = msgspec.field(default_factory=dict)
    is_sending: bool = False


class Enter(Message, tag=3):
    """The node has a new subscriber, `count` in all, and is to be sent the channel's events from now on. `member` is a
    user who is new on this node, and `added` the event that announces it, whose number is `change`. Answered with
    `EnterReply`, and a change with `Accepted` as an event is. A `member` who would be one more user than `max_members`
    is not let in, and nothing is counted; 0 is no limit. `want_position` and `resume` ask for the channel's history."""

    id: int
    app_id: str
    channel: str
    count: int
    member: Member | None
    added: bytes
    want_members: bool
    want_cached: bool
    change: int = 0
    max_members: int = 0
    want_position: bool = False
    resume: Resume | None = None


class Leave(Message, tag=5):
    """The user's last connection on this node has left the channel; `count` subscribers remain. `change` is the number
    of the event that says so, which is answered with `Accepted` as an event is."""

    app_id: str
    channel: str
    count: int
    member: Member
    change: int = 0


class Unsubscribe(Message, tag=6):
    """The node has had no subscribers for a while, and is to be sent no more events of the channel."""

    app_id: str
    channel: str


class Admit(Message, tag=8):
    """Count one more connection of the app, if that keeps within `limit`. Answered with a bool."""

    id: int
    app_id: str
    limit: int


class QueryChannels(Message, tag=9):
    """Answered with a dict of ChannelState."""

    id: int
    app_id: str
    prefix: str


class QueryStates(Message, tag=10):
    """Answered with a list of ChannelState."""

    id: int
    app_id: str
    channels: list[str]


class QueryMembers(Message, tag=11):
    """Answered with a list of Member."""

    id: int
    app_id: str
    channel: str


class QueryConnections(Message, tag=12):
    """Answered with an int."""

    id: int
    app_id: str


class StartSurvey(Message, tag=13):
    """Ask all nodes. Answered with how many are asked, and then with one `SurveyResult` for each."""

    id: int
    question: bytes


class SurveyReply(Message, tag=14):
    """The node's answer to a `SurveyQuestion`."""

    id: int
    answer: bytes


class Goodbye(Message, tag=15):
    """The node stops: everything that it holds is to be removed."""


class HeartbeatRequest(Message, tag=16):
    """Answered with a `HeartbeatReply`."""


class Report(Message, tag=21):
    """The answer to `ReportRequest`: what the node has of one channel."""

    channel: ChannelReport


class StatePart(Message, tag=17):
    """A part of what the node holds, ahead of its `Hello`. A channel that is reported again has changed since; a
    `count` of 0 takes the report back."""

    channels: list[ChannelReport]
    cached: list[CachedEventReport]
    departed: list[DepartedMember]
    entrusted: list[EntrustedMembers] = msgspec.field(default_factory=list)


# From the broker.


class Welcome(Message, tag=1):
    """The answer to `Hello`. `missed` is how many events of the time since the last link the broker cannot send
    again."""

    epoch: str
    missed: int


class EnterReply(Message, tag=4):
    """The answer to `Enter`: the members, the last event and the history, where they were asked for. If the channel
    `is_full`, the subscriber was not counted."""

    id: int
    members: list[Member]
    cached: bytes | None
    is_full: bool = False
    replay: Replay | None = None


class QueryReply(Message, tag=5):
    """The answer to a question; its `value` is MessagePack of the type that the question names."""

    id: int
    value: msgspec.Raw


class SurveyQuestion(Message, tag=6):
    """A survey's question to this node. Answered with `SurveyReply`, under the same `id`."""

    id: int
    question: bytes


class SurveyResult(Message, tag=7):
    """One node's answer to the `StartSurvey` with that `id`."""

    id: int
    answer: bytes


class HeartbeatReply(Message, tag=8):
    """The answer to `HeartbeatRequest`."""


class NodeGone(Message, tag=9):
    """A node has left for good: its event numbers can be forgotten."""

    node: str


class ChannelsReply(Message, tag=22):
    """The answer to `QueryChannels` of a broker whose link has read it already: it is never encoded."""

    id: int
    channels: dict[str, ChannelState]


class ReportRequest(Message, tag=21):
    """What the broker had of a channel is lost. Answered with `Report`, if the node has subscribers there."""

    app_id: str
    channel: str


class Refused(Message, tag=20):
    """The broker cannot answer a question or count a subscriber: the node has to do with what it knows itself."""

    id: int


class HubReady(Message, tag=12):
    """The first message on a connection to a socket that has no file: a hub serves it. Before, it may wait in a queue
    of which no process takes anything."""


class EventsMissed(Message, tag=11):
    """At most `count` events for this node were dropped, because it took none for too long; or so many nodes have died
    together with the broker before, and what should be said of each is not known. With `is_forgotten`, the broker had
    them while this node was cut off, and has them no more: said ahead of every event that comes since."""

    count: int
    is_forgotten: bool = False


FromWorker: TypeAlias = (
    Hello
    | Publish
    | Enter
    | SubscriberCount
    | Leave
    | Unsubscribe
    | ConnectionCount
    | Admit
    | QueryChannels
    | QueryStates
    | QueryMembers
    | QueryConnections
    | QueryHistory
    | ForgetHistory
    | MarkGap
    | MuchAppended
    | StartSurvey
    | SurveyReply
    | Goodbye
    | HeartbeatRequest
    | Report
    | StatePart
    | CountHeld
    | CountTold
    | RecordFact
    | FactsDone
    | KeepForSender
    | FactsHeld
    | FactsReady
    | FactsLeave
    | FactsWanted
)
FromBroker: TypeAlias = (
    Welcome
    | BrokerEvent
    | Accepted
    | EnterReply
    | QueryReply
    | SurveyQuestion
    | SurveyResult
    | HeartbeatReply
    | NodeGone
    | Refused
    | ReportRequest
    | ChannelsReply
    | EventsMissed
    | EntrustedMembers
    | HubReady
    | CountWanted
    | FactsBegin
    | FactsTaken
    | FactsEnd
)

encode = msgspec.msgpack.Encoder().encode
read_from_worker = msgspec.msgpack.Decoder(FromWorker).decode
read_from_broker = msgspec.msgpack.Decoder(FromBroker).decode
read_bool = msgspec.msgpack.Decoder(bool).decode
read_count = msgspec.msgpack.Decoder(int).decode
read_page = msgspec.msgpack.Decoder(HistoryPage).decode
read_members = msgspec.msgpack.Decoder(list[Member]).decode
read_states = msgspec.msgpack.Decoder(list[ChannelState]).decode
read_channels = msgspec.msgpack.Decoder(dict[str, ChannelState]).decode
