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
        peers = self.receivers.get(key)
        if peers is None:
            return
        peers.pop(node, None)
        self._by_node.get(node, {}).pop(key, None)
        if not peers:
            del self.receivers[key]

    def remove_node(self, node: str) -> None:
        """Remove all routes of a node."""
        for key in self._by_node.pop(node, ()):
            peers = self.receivers[key]
            peers.pop(node, None)
            if not peers:
                del self.receivers[key]
