"""What a node is subscribed to at Redis, and from which position on."""

from __future__ import annotations

from collections.abc import Iterable

from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.keys import Keys

ALL_NODES_TOPIC: ChannelKey = ("", "")  # the topic that every node is subscribed to


class TopicSubscriptions:
    """Topics by (app id, channel), and by the name of their channel in Redis."""

    def __init__(self, keys: Keys, node: str) -> None:
        self.all_nodes = keys.all_nodes.encode()
        self.inbox = keys.inbox(node).encode()
        self._keys = keys
        self._node = node
        self._since: dict[ChannelKey, StreamId] = {}
        self._topic_partitions: dict[bytes, int] = {}
        self._marker_partitions: dict[bytes, int] = {}

    def expect_markers(self, app_id: str, channel: str) -> str:
        """A topic is about to be subscribed to. Returns the channel of the markers of its partition."""
        topic = self._keys.topic(app_id, channel)
        self._topic_partitions[topic.channel.encode()] = topic.partition
        marker_channel = self._keys.markers(topic.partition, self._node)
        self._marker_partitions[marker_channel.encode()] = topic.partition
        return marker_channel

    def add(self, app_id: str, channel: str, since: StreamId = START) -> None:
        """Events of the topic after `since` are wanted. A topic that is there already keeps its position, which is an
        earlier one."""
        if (app_id, channel) in self._since:
            return
        self._since[app_id, channel] = since
        topic = self._keys.topic(app_id, channel)
        self._topic_partitions[topic.channel.encode()] = topic.partition

    def remove(self, app_id: str, channel: str) -> str:
        """The topic is not wanted any more. Returns its channel in Redis."""
        self._since.pop((app_id, channel), None)
        name = self._keys.topic(app_id, channel).channel
        self._topic_partitions.pop(name.encode(), None)
        return name

    def replace(self, keys: Iterable[ChannelKey]) -> list[str]:
        """Want these topics and no others, besides that of all nodes; each from the position that it had, or from the
        start. Returns all channels to be subscribed to."""
        before, self._since = self._since, {}
        self._topic_partitions.clear()
        self._marker_partitions.clear()
        for key in (ALL_NODES_TOPIC, *keys):
            self.add(*key, before.get(key, START))
        return [name.decode() for name in self._topic_partitions]

    def since(self, app_id: str, channel: str) -> StreamId | None:
        """The position after which the topic's events are wanted; None if it is not wanted."""
        return self._since.get((app_id, channel) if channel else ALL_NODES_TOPIC)

    def partition_of(self, channel: bytes) -> int | None:
        """The partition of a topic's channel; None if it is not one."""
        return self._topic_partitions.get(channel)

    def marker_partition_of(self, channel: bytes) -> int | None:
        """The partition of a channel of markers; None if it is not one."""
        return self._marker_partitions.get(channel)

    def partitions(self) -> set[int]:
        """The partitions of all topics."""
        return set(self._topic_partitions.values())
