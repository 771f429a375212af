"""The names of things in Redis. All begin with the prefix, all of a partition carry its hash tag."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

PARTITIONS = 64
_SEPARATOR = "\x1f"  # ASCII's unit separator: no app id or channel name that is sane has it


def partition_of(app_id: str, channel: str) -> int:
    """Where everything about the channel lives."""
    return crc32(topic_id(app_id, channel).encode()) % PARTITIONS


class Keys:
    """Names under a prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.leases = f"{prefix}:{{nodes}}:leases"  # sorted set: node -> when its lease ends, in ms
        self.removal_claims = (
            f"{prefix}:{{nodes}}:burials"  # hash: dead node -> until when somebody has that in hand, in ms
        )
        self.epoch = f"{prefix}:{{nodes}}:epoch"  # a random word, as old as the data
        self.all_nodes = f"{prefix}:{{nodes}}:everyone"  # channel: what concerns all processes
        self.empty_log = f"{prefix}:{{nodes}}:log"  # a log that nobody writes to
        self.logs = [
            self.partition_key(number, "log") for number in range(PARTITIONS)
        ]  # streams: the newest events
        self.seqs = [
            self.partition_key(number, "seqs") for number in range(PARTITIONS)
        ]  # hashes: node -> its newest event
        self.topic = lru_cache(maxsize=65_536)(self._topic)

    def heartbeat(self, number: int, node: str) -> str:
        """Channel: the beats of a process by way of a partition."""
        return self.partition_key(number, f"pulse:{node}")

    def nodes_heartbeat(self, node: str) -> str:
        """Channel: those by way of what is in no partition."""
        return f"{self._prefix}:{{nodes}}:pulse:{node}"

    def inbox(self, node: str) -> str:
        """Channel: what concerns one process. Tagged, so that its order among others is kept."""
        return f"{self._prefix}:{{nodes}}:inbox:{node}"

    def partition_key(self, number: int, what: str) -> str:
        """A key of a partition."""
        return f"{self._prefix}:{{p{number}}}:{what}"

    def markers(self, number: int, node: str) -> str:
        """Channel: the replies to a process's questions about a partition."""
        return self.partition_key(number, f"marks:{node}")

    def node_topics(self, number: int, node: str) -> str:
        """Set: the channels in which the node has a part, as `topic_id`."""
        return self.partition_key(number, f"held:{node}")

    def occupied(self, number: int, app_id: str) -> str:
        """Set: the app's channels with subscribers."""
        return self.partition_key(number, f"occupied:{app_id}")

    def connections(self, app_id: str) -> str:
        """Hash: node -> its connections of the app; "" -> the sum."""
        return self.partition_key(partition_of(app_id, ""), f"connections:{app_id}")

    def _topic(self, app_id: str, channel: str) -> TopicKeys:
        # Without a channel it is for every process, which is to hear it before it has a connection of the app.
        return TopicKeys(self, app_id if channel else "", channel)


class TopicKeys:
    """The keys of one channel."""

    __slots__ = ("cached", "channel", "counts", "id", "members", "partition")

    def __init__(self, keys: Keys, app_id: str, channel: str) -> None:
        number = partition_of(app_id, channel)
        self.id = topic_id(app_id, channel)
        self.partition = number
        self.channel = keys.partition_key(number, f"topic:{self.id}")  # where its events are published
        self.counts = keys.partition_key(number, f"counts:{self.id}")  # hash: node -> subscribers
        self.members = keys.partition_key(
            number, f"members:{self.id}"
        )  # hash: user id -> {id, info, order, nodes}
        self.cached = keys.partition_key(number, f"cached:{self.id}")  # string: the last event


def topic_id(app_id: str, channel: str = "") -> str:
    """What a node holds: its part in a channel, or without one its connections of the app."""
    return f"{app_id}{_SEPARATOR}{channel}"


def read_topic_id(text: str) -> tuple[str, str]:
    """(app id, channel)"""
    app_id, _, channel = text.partition(_SEPARATOR)
    return app_id, channel
