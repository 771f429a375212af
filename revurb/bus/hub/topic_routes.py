"""Which workers are sent the events of which topic."""

from __future__ import annotations

from collections.abc import Mapping

from revurb.bus.hub.peer import Peer
from revurb.bus.ledger import ChannelKey

_NO_TOPICS: Mapping[ChannelKey, int] = {}


class TopicRoutes:
    """The subscriptions of all connected workers.

    `receivers` maps a topic to the peers that are sent its events, by node; a topic without any is not in it. The
    broker reads it directly for every event; only the methods here change it.
    """

    __slots__ = ("_by_node", "receivers")

    def __init__(self) -> None:
        self.receivers: dict[ChannelKey, dict[str, Peer]] = {}
        self._by_node: dict[str, dict[ChannelKey, int]] = {}

    def add(self, node: str, key: ChannelKey, peer: Peer, position: int = 0) -> None:
        """Send the topic's events after `position` to `peer`. Adding a route again does not change its position."""
        self.receivers.setdefault(key, {})[node] = peer
        self._by_node.setdefault(node, {}).setdefault(key, position)

    def topics(self, node: str) -> Mapping[ChannelKey, int]:
        """The topics of the node, each with the position after which it is sent the events."""
        return self._by_node.get(node, _NO_TOPICS)

    def remove(self, node: str, key: ChannelKey) -> None:
        """Send the topic's events to the node no longer. A route that does not exist is ignored."""
        topics = self._by_node.get(node)
        if topics is None or topics.pop(key, None) is None:
            return
        if not topics:
            del self._by_node[node]
        peers = self.receivers[key]
        del peers[node]
        if not peers:
            del self.receivers[key]
