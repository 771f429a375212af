"""What workers and the broker say to each other: MessagePack arrays, the first element says which one it is.

`seq` numbers the events of one worker, `position` those of the broker, from 1 on and without gaps; `epoch` names one
life of the broker. `id` pairs a reply with its question.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from revurb.pusher.ports import ChannelState, Member

VERSION = 1
TERMINATIONS = ""  # as the channel of an event: its text is the id of a user whose connections are to end


class _Message(msgspec.Struct, array_like=True, gc=False):
    pass


class ChannelReport(_Message):
    """A channel that a worker has subscribers for: how many, and who is on it."""

    app_id: str
    channel: str
    count: int
    members: list[Member]


class DepartedMember(_Message):
    """A user whose last connection with a worker has left while the worker was cut off."""

    app_id: str
    channel: str
    member: Member


class CachedEventReport(_Message):
    """A cached event that a worker has sent."""

    app_id: str
    channel: str
    text: bytes
    ttl_s: float


# From a worker.


class Hello(_Message, tag=1):
    """Who I am and what I hold; `epoch` and `position` of the last event that I have seen, "" and 0 for none."""

    node: str
    epoch: str
    position: int
    connections: dict[str, int]
    channels: list[ChannelReport]
    cached: list[CachedEventReport]
    departed: list[DepartedMember]


class Publish(_Message, tag=2):
    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    cache_ttl_s: int


class Enter(_Message, tag=3):
    """Send me the channel's events from now on. I have `count` subscribers; `member` is new among mine."""

    id: int
    app_id: str
    channel: str
    count: int
    member: Member | None
    added: bytes
    want_members: bool
    want_cached: bool


class SubscriberCount(_Message, tag=4):
    """I have that many subscribers now."""

    app_id: str
    channel: str
    count: int


class Leave(_Message, tag=5):
    """The last connection of this user with me has left the channel."""

    app_id: str
    channel: str
    count: int
    member: Member


class Unsubscribe(_Message, tag=6):
    """Send me no more events of the channel: I have had no subscribers for a while."""

    app_id: str
    channel: str


class ConnectionCount(_Message, tag=7):
    """I have so many connections of the app more than before (less, if below zero), and so many by that."""

    app_id: str
    change: int
    count: int


class Admit(_Message, tag=8):
    """May the app have one more connection? Answered with a bool."""

    id: int
    app_id: str
    limit: int


class QueryChannels(_Message, tag=9):
    """Answered with a dict of ChannelState."""

    id: int
    app_id: str
    prefix: str


class QueryStates(_Message, tag=10):
    """Answered with a list of ChannelState."""

    id: int
    app_id: str
    channels: list[str]


class QueryMembers(_Message, tag=11):
    """Answered with a list of Member."""

    id: int
    app_id: str
    channel: str


class QueryConnections(_Message, tag=12):
    """Answered with an int."""

    id: int
    app_id: str


class StartSurvey(_Message, tag=13):
    """Ask everyone. Answered with the number of those asked, and then a `SurveyResult` from each."""

    id: int
    question: bytes


class SurveyReply(_Message, tag=14):
    """My answer to a `SurveyQuestion`."""

    id: int
    answer: bytes


class Goodbye(_Message, tag=15):
    """I am going, and hold nothing any more."""


class HeartbeatRequest(_Message, tag=16):
    """Are you there? Answered with a `HeartbeatReply`."""


# From the broker.


class Welcome(_Message, tag=1):
    """Answer to `Hello`. `missed` events since the position of the `Hello` are not known any more."""

    epoch: str
    position: int
    missed: int


class BrokerEvent(_Message, tag=2):
    position: int
    node: str  # who published it, and its number there
    seq: int
    app_id: str
    channel: str
    text: bytes
    except_socket_id: str | None
    partition: int = 0


class Accepted(_Message, tag=3):
    """Your events with these numbers have their place in the order."""

    seqs: list[int]


class EnterReply(_Message, tag=4):
    id: int
    members: list[Member]
    cached: bytes | None


class QueryReply(_Message, tag=5):
    id: int
    value: msgspec.Raw


class SurveyQuestion(_Message, tag=6):
    """Part of a survey."""

    id: int
    question: bytes


class SurveyResult(_Message, tag=7):
    """One answer to your `StartSurvey`."""

    id: int
    answer: bytes


class HeartbeatReply(_Message, tag=8):
    """Answer to `HeartbeatRequest`: I am here, and `position` is that of the newest event."""

    position: int


class NodeGone(_Message, tag=9):
    """A worker is gone for good: forget its numbers."""

    node: str


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
    | StartSurvey
    | SurveyReply
    | Goodbye
    | HeartbeatRequest
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
)

encode = msgspec.msgpack.Encoder().encode
read_from_worker = msgspec.msgpack.Decoder(FromWorker).decode
read_from_broker = msgspec.msgpack.Decoder(FromBroker).decode
read_bool = msgspec.msgpack.Decoder(bool).decode
read_count = msgspec.msgpack.Decoder(int).decode
read_members = msgspec.msgpack.Decoder(list[Member]).decode
read_states = msgspec.msgpack.Decoder(list[ChannelState]).decode
read_channels = msgspec.msgpack.Decoder(dict[str, ChannelState]).decode
