"""The names of keys and channels in Redis. All begin with the prefix; all of a partition carry its hash tag.

The names are wire format: nodes of different versions share them. How many partitions there are is kept in Redis: 1,024
in a Cluster, which deals them out to its servers. One server has nothing to deal out, and 64 cost less: events that are
published together share more of them.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

PARTITIONS = 64
CLUSTER_PARTITIONS = 1024  # of which each is in one of the 64
_CACHED_TOPICS = 65_536  # 0.5 KB each
# A name that takes more than _LONG_BYTES takes up to 4 KB more there: so many of these may be in the cache.
_LONG_BYTES = 256
MAX_LONG_NAMES = 4096
_SEPARATOR = "\x1f"  # ASCII's unit separator: no sane app id or channel name contains it

_WHAT = re.compile(r":\{(?:p\d+|nodes)\}:(\w+)")
_TYPES = {
    "log": "stream", "seqs": "hash", "held": "set", "holders": "set", "occupied": "set", "connections": "hash",
    "counts": "hash", "members": "hash", "cached": "string", "leases": "zset", "burials": "hash", "epoch": "string",
    "orphans": "string", "partitions": "string", "asked": "hash", "spare": "hash", "recall": "hash",
    "facts": "stream", "told": "hash", "missed": "string", "recorded": "string", "sender": "string", "kept": "hash",
    "head": "string", "events": "stream", "bytes": "hash", "due": "zset",
}  # fmt: skip


def partition_of(app_id: str, channel: str, partitions: int = PARTITIONS) -> int:
    """The partition in which everything about the channel lives, of so many."""
    return crc32(topic_id(app_id, channel).encode()) % partitions


class Keys:
    """The names under a prefix, with so many `partitions`."""

    def __init__(self, prefix: str, partitions: int = PARTITIONS) -> None:
        self._prefix = prefix
        self.partition_count = f"{prefix}:{{nodes}}:partitions"  # string: how many there are
        self.leases = f"{prefix}:{{nodes}}:leases"  # sorted set: node -> when its lease ends, in ms
        # hash: dead node -> until when another node has claimed to remove what it held, in ms
        self.removal_claims = f"{prefix}:{{nodes}}:burials"
        self.orphan_check = (
            f"{prefix}:{{nodes}}:orphans"  # string: who looks for nodes without a lease at present
        )
        self.epoch = f"{prefix}:{{nodes}}:epoch"  # string: random, created with the data
        self.all_nodes = f"{prefix}:{{nodes}}:everyone"  # channel: notes for all nodes
        self.facts_sender = f"{prefix}:{{nodes}}:sender"  # string: which node sends facts at present
        self.facts_kept = f"{prefix}:{{nodes}}:kept"  # hash: what that keeps for the next one
        self.empty_log = f"{prefix}:{{nodes}}:log"  # a log that stays empty
        self.use(partitions)

    def use(self, partitions: int) -> None:
        """Have so many partitions from now on: those of the Redis that this node is connected with."""
        self.partitions = partitions
        self.partition_begins = [self.partition_key(number, "") for number in range(partitions)]
        # streams: the newest events
        self.logs = [self.partition_key(number, "log") for number in range(partitions)]
        # streams: the facts that are not done; and channels, on which the sender is told of new ones
        self.facts = [self.partition_key(number, "facts") for number in range(partitions)]
        # hashes: node -> the number of its newest event
        self.seqs = [self.partition_key(number, "seqs") for number in range(partitions)]
        # sets: the nodes that have a part in any channel of the partition
        self.holders = [self.partition_key(number, "holders") for number in range(partitions)]
        self._long_names = 0  # in the cache, or of those that were
        self.topic = lru_cache(maxsize=_CACHED_TOPICS)(self._topic)
        self.node_topics = lru_cache(maxsize=1024)(self._node_topics)
        self.markers = lru_cache(maxsize=1024)(self._markers)
        self.recorded = lru_cache(maxsize=1024)(self._recorded)
        self.occupied = lru_cache(maxsize=1024)(self._occupied)

    def partition_of(self, app_id: str, channel: str) -> int:
        """The partition in which everything about the channel lives."""
        return partition_of(app_id, channel, self.partitions)

    def heartbeat(self, number: int, node: str) -> str:
        """Channel: a node's heartbeats for one partition."""
        return self.partition_key(number, f"pulse:{node}")

    def nodes_heartbeat(self, node: str) -> str:
        """Channel: a node's heartbeats for all partitions together, or in a Cluster for the keys of no partition."""
        return f"{self._prefix}:{{nodes}}:pulse:{node}"

    def inbox(self, node: str) -> str:
        """Channel: notes for one node. It carries a hash tag, so that its order among the others is kept."""
        return f"{self._prefix}:{{nodes}}:inbox:{node}"

    def partition_key(self, number: int, what: str) -> str:
        """A key of a partition."""
        return f"{self._prefix}:{{p{number}}}:{what}"

    def _markers(self, number: int, node: str) -> str:
        """Channel: the markers of the replies to a node's questions about a partition."""
        return self.partition_key(number, f"marks:{node}")

    def _node_topics(self, number: int, node: str) -> str:
        """Set: the channels in which the node has a part, as `topic_id`."""
        return self.partition_key(number, f"held:{node}")

    def _recorded(self, number: int, node: str) -> str:
        """String: the number of the newest fact that the node has decided."""
        return self.partition_key(number, f"recorded:{node}")

    def _occupied(self, number: int, app_id: str) -> str:
        """Set: the app's channels that have subscribers."""
        return self.partition_key(number, f"occupied:{app_id}")

    def connections(self, app_id: str) -> str:
        """Hash: node -> its connections of the app; "" -> their sum."""
        return self.partition_key(self.partition_of(app_id, ""), f"connections:{app_id}")

    def history_bytes(self, number: int, app_id: str) -> tuple[str, str]:
        """Of a partition: a hash, channel of the app -> the bytes of its events, "" -> their sum; and a sorted set,
        channel -> when its stream has ended, in ms."""
        return self.partition_key(number, f"bytes:{app_id}"), self.partition_key(number, f"due:{app_id}")

    def spare(self, app_id: str) -> str:
        """Hash: node -> places of the app that are lent to it and not taken; "" -> their sum."""
        return self.partition_key(self.partition_of(app_id, ""), f"spare:{app_id}")

    def recall(self, app_id: str) -> str:
        """Hash: when nodes were asked to give back such places, and how many have not done so."""
        return self.partition_key(self.partition_of(app_id, ""), f"recall:{app_id}")

    def places(self, app_id: str) -> str:
        """Channel: where they are asked to."""
        return self.partition_key(self.partition_of(app_id, ""), f"places:{app_id}")

    def count_demand(self, app_id: str, channel: str) -> CountDemandKeys:
        """Where a channel's count is asked for, or without a channel that of the app's connections."""
        number = self.partition_of(app_id, "") if not channel else self.topic(app_id, channel).partition
        id = topic_id(app_id, channel)
        return CountDemandKeys(
            self.partition_key(number, f"asked:{id}"), self.partition_key(number, f"untold:{id}")
        )

    def _topic(self, app_id: str, channel: str) -> TopicKeys:
        if sys.getsizeof(channel) > _LONG_BYTES:
            self._long_names += 1
            if self._long_names > MAX_LONG_NAMES:
                self._long_names = 1
                self.topic.cache_clear()
        # An event without a channel is for every node, also before the node has a connection of the app.
        return TopicKeys(self, app_id if channel else "", channel)


class CountDemandKeys(NamedTuple):
    """A hash for a moment: when nodes were `asked` to tell a count, and how many have not done so; a channel on which
    the nodes listen whose changes are `untold`."""

    asked: str
    untold: str


class TopicKeys:
    """The keys of one channel. Kept are those that each event needs."""

    __slots__ = ("_begin", "channel", "id", "order", "partition")

    def __init__(self, keys: Keys, app_id: str, channel: str) -> None:
        self.id = topic_id(app_id, channel)
        # The same in every cluster, and a part of its partition: its events come in the order of their numbers.
        self.order = partition_of(app_id, channel, CLUSTER_PARTITIONS)
        number = self.partition = self.order % keys.partitions
        self._begin = keys.partition_begins[number]
        self.channel = f"{self._begin}topic:{self.id}"  # where its events are published

    @property
    def counts(self) -> str:
        """Hash: node -> subscribers."""
        return f"{self._begin}counts:{self.id}"

    @property
    def members(self) -> str:
        """Hash: user id -> {id, info, time of joining, nodes}."""
        return f"{self._begin}members:{self.id}"

    @property
    def cached(self) -> str:
        """String: the last event."""
        return f"{self._begin}cached:{self.id}"

    @property
    def head(self) -> str:
        """String: of a channel with history, the position of its newest event (history_scripts.py)."""
        return f"{self._begin}head:{self.id}"

    @property
    def events(self) -> str:
        """Stream: the events of it that are kept."""
        return f"{self._begin}events:{self.id}"

    @property
    def told(self) -> str:
        """Hash: the number of subscribers that was told last, and when."""
        return f"{self._begin}told:{self.id}"

    @property
    def missed(self) -> str:
        """String, for a moment: a cache miss was told."""
        return f"{self._begin}missed:{self.id}"


def type_of(key: str) -> str | None:
    """The Redis type that a key of ours has, by its name; None if it is not one of ours."""
    found = _WHAT.search(key)
    return None if found is None else _TYPES.get(found[1])


def topic_of(key: str) -> str | None:
    """The `topic_id` of the channel whose key this is; None for a key that more than one channel needs."""
    found = _WHAT.search(key)
    is_of_one = found is not None and found[1] in (
        "counts",
        "members",
        "cached",
        "asked",
        "told",
        "missed",
        "head",
        "events",
    )
    return key[found.end() + 1 :] if found is not None and is_of_one else None


def topic_id(app_id: str, channel: str = "") -> str:
    """A channel in the set of what a node holds; without a channel, its connections of the app."""
    return f"{app_id}{_SEPARATOR}{channel}"


def read_topic_id(text: str) -> tuple[str, str]:
    """(app id, channel) of a `topic_id`."""
    app_id, _, channel = text.partition(_SEPARATOR)
    return app_id, channel
