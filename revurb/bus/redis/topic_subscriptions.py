"""What a node is subscribed to at Redis, and up to where it has received each topic.

A position is kept for each topic, not for its partition: whatever somebody else writes on a topic's channel concerns
that topic alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from revurb.bus.ledger import ChannelKey
from revurb.bus.redis.envelope import START, StreamId
from revurb.bus.redis.keys import Keys

ALL_NODES_TOPIC: ChannelKey = ("", "")  # the topic that every node is subscribed to


class SubscribedTopic:
    """One topic; `order` is that of `TopicKeys`. `newest` is the position up to which its events were received; None
    while none is wanted yet, since its subscriber is not confirmed."""

    __slots__ = ("app_id", "channel", "newest", "order", "partition")

    def __init__(self, app_id: str, channel: str, partition: int, order: int) -> None:
        self.app_id = app_id
        self.channel = channel
        self.partition = partition
        self.order = order
        self.newest: StreamId | None = None


class TopicSubscriptions:
    """Topics by (app id, channel), and by the name of their channel in Redis."""

    def __init__(self, keys: Keys, node: str) -> None:
        self.all_nodes = keys.all_nodes.encode()
        self.inbox = keys.inbox(node).encode()
        self._keys = keys
        self._node = node
        self._topics: dict[ChannelKey, SubscribedTopic] = {}
        self._by_channel: dict[bytes, SubscribedTopic] = {}
        self._marker_partitions: dict[bytes, int] = {}
        self._marker_channels: dict[int, str] = {}  # by partition, of those

    def expect_markers(self, app_id: str, channel: str) -> str:
        """A topic is about to be subscribed to. Returns the channel of the markers of its partition."""
        partition = self._find_or_create((app_id, channel)).partition
        marker_channel = self._marker_channels.get(partition)
        if marker_channel is None:
            marker_channel = self._marker_channels[partition] = self._keys.markers(partition, self._node)
            self._marker_partitions[marker_channel.encode()] = partition
        return marker_channel

    def add(self, app_id: str, channel: str, since: StreamId = START) -> None:
        """Events of the topic after `since` are wanted. A topic that is there already keeps its position, which is an
        earlier one."""
        topic = self._find_or_create((app_id, channel))
        if topic.newest is None:
            topic.newest = since

    def remove(self, app_id: str, channel: str) -> str:
        """The topic is not wanted any more. Returns its channel in Redis."""
        self._topics.pop((app_id, channel), None)
        name = self._keys.topic(app_id, channel).channel
        self._by_channel.pop(name.encode(), None)
        return name

    def clear(self) -> None:
        """Want nothing any more: the partitions are others."""
        for known in (self._topics, self._by_channel, self._marker_partitions, self._marker_channels):
            known.clear()

    def all_keys(self) -> list[ChannelKey]:
        """All topics, as they are now."""
        return list(self._topics)

    def forget_positions(self) -> None:
        """Want all events of the topics, of a Redis that has none from before."""
        for topic in self._topics.values():
            topic.newest = None if topic.newest is None else START

    def rewind(self, positions: Mapping[int, StreamId]) -> None:
        """The logs of these partitions end there, whatever was received behind it."""
        for topic in self._topics.values():
            position = positions.get(topic.partition)
            if position is not None and topic.newest is not None:
                topic.newest = min(topic.newest, position)

    def find(self, app_id: str, channel: str) -> SubscribedTopic | None:
        """The topic of an event; None if it is not subscribed to."""
        return self._topics.get((app_id, channel) if channel else ALL_NODES_TOPIC)

    def find_by_channel(self, channel: bytes) -> SubscribedTopic | None:
        """The topic whose channel in Redis that is; None if it is not one."""
        return self._by_channel.get(channel)

    def marker_partition_of(self, channel: bytes) -> int | None:
        """The partition of a channel of markers; None if it is not one."""
        return self._marker_partitions.get(channel)

    def by_partition(self) -> dict[int, list[ChannelKey]]:
        """All topics: 15 ms for 100,000."""
        found: dict[int, list[ChannelKey]] = {}
        for key, topic in self._topics.items():
            found.setdefault(topic.partition, []).append(key)
        return found

    def _find_or_create(self, key: ChannelKey) -> SubscribedTopic:
        topic = self._topics.get(key)
        if topic is None:
            keys = self._keys.topic(*key)
            topic = self._topics[key] = SubscribedTopic(*key, keys.partition, keys.order)
            self._by_channel[keys.channel.encode()] = topic
        return topic
