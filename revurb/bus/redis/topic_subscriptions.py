"""What a process is subscribed to at Redis, and since when."""

from __future__ import annotations

from collections.abc import Iterable

from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.keys import Keys

ALL_NODES_TOPIC: ChannelKey = ("", "")  # the topic of what is for every process


class TopicSubscriptions:
    """Topics by (app id, channel) and by the name of their channel in Redis."""

    def __init__(self, keys: Keys, node: str) -> None:
        self.all_nodes = keys.all_nodes.encode()
        self.inbox = keys.inbox(node).encode()
        self._keys = keys
        self._node = node
        self._since: dict[ChannelKey, StreamId] = {}
        self._topic_partitions: dict[bytes, int] = {}
        self._marker_partitions: dict[bytes, int] = {}

    def expect_markers(self, app_id: str, channel: str) -> str:
        """A topic is about to be subscribed to. Returns the channel of its markers."""
        topic = self._keys.topic(app_id, channel)
        self._topic_partitions[topic.channel.encode()] = topic.partition
        marker_channel = self._keys.markers(topic.partition, self._node)
        self._marker_partitions[marker_channel.encode()] = topic.partition
        return marker_channel

    def add(self, app_id: str, channel: str, since: StreamId = START) -> None:
        """What was published after `since` is wanted; nothing changes if it is already, from an earlier time on."""
        if (app_id, channel) in self._since:
            return
        self._since[app_id, channel] = since
        topic = self._keys.topic(app_id, channel)
        self._topic_partitions[topic.channel.encode()] = topic.partition

    def remove(self, app_id: str, channel: str) -> str:
        """Nothing is wanted any more; the channel in Redis."""
        self._since.pop((app_id, channel), None)
        name = self._keys.topic(app_id, channel).channel
        self._topic_partitions.pop(name.encode(), None)
        return name

    def replace(self, keys: Iterable[ChannelKey]) -> list[str]:
        """These are wanted, and what is for every process; since when they were or from now on, and no others. Gives
        all channels to be subscribed to."""
        before, self._since = self._since, {}
        self._topic_partitions.clear()
        self._marker_partitions.clear()
        for key in (ALL_NODES_TOPIC, *keys):
            self.add(*key, before.get(key, START))
        return [name.decode() for name in self._topic_partitions]

    def since(self, app_id: str, channel: str) -> StreamId | None:
        return self._since.get((app_id, channel) if channel else ALL_NODES_TOPIC)

    def partition_of(self, channel: bytes) -> int | None:
        return self._topic_partitions.get(channel)

    def marker_partition_of(self, channel: bytes) -> int | None:
        return self._marker_partitions.get(channel)

    def partitions(self) -> set[int]:
        """Those with a topic."""
        return set(self._topic_partitions.values())
