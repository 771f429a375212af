"""What the targets of an app want: which facts are to be made at all, and who is told of one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from revurb.apps import App, WebhookTarget
from revurb.apps.channel_pattern import ChannelPattern
from revurb.pusher import facts

BITS = {
    facts.CHANNEL_OCCUPIED: facts.OCCUPANCY,
    facts.CHANNEL_VACATED: facts.OCCUPANCY,
    facts.MEMBER_ADDED: facts.MEMBERS,
    facts.MEMBER_REMOVED: facts.MEMBERS,
    facts.CACHE_MISS: facts.CACHE_MISSES,
    facts.CLIENT_EVENT: facts.CLIENT_EVENTS,
    facts.SUBSCRIPTION_COUNT: facts.COUNTS,
}


@dataclass(frozen=True, slots=True, eq=False)
class TargetRoute:
    """The way to one target. `id` is the same in every process that has the same target: it names what is kept, and
    has no secret in it."""

    id: str
    app_id: str
    target: WebhookTarget
    kinds: frozenset[str]
    patterns: tuple[ChannelPattern, ...]

    @classmethod
    def of(cls, app: App, target: WebhookTarget) -> TargetRoute:
        parts = (app.id, target.url, *sorted(target.events), "", *sorted(target.channels))
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        kinds = frozenset(target.events or BITS)
        return cls(digest[:20], app.id, target, kinds, tuple(map(ChannelPattern, target.channels)))

    def has_channel(self, channel: str) -> bool:
        """Whether the target wants facts on `channel`."""
        return not self.patterns or any(pattern.matches(channel) for pattern in self.patterns)


class AppTargets:
    """The targets of one app."""

    __slots__ = ("_by_kind", "_has_patterns", "app", "routes", "wanted")

    def __init__(self, app: App) -> None:
        self.app = app
        self.routes = tuple(TargetRoute.of(app, target) for target in app.webhooks)
        self._has_patterns = any(route.patterns for route in self.routes)
        self._by_kind = {kind: tuple(route for route in self.routes if kind in route.kinds) for kind in BITS}
        count_events = facts.COUNT_EVENTS if app.subscription_count_events else 0
        self.wanted = count_events | _bits_of(self.routes)
        """What is wanted of the app's channels, a sum of the bits of `pusher.facts`."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ever wanted."""
        return not self.wanted

    def wanting(self, kind: str, channel: str) -> Sequence[TargetRoute]:
        """The targets that are told of a fact."""
        routes = self._by_kind.get(kind, ())
        if not self._has_patterns:
            return routes
        return [route for route in routes if route.has_channel(channel)]


def _bits_of(routes: Sequence[TargetRoute]) -> int:
    bits = 0
    for route in routes:
        for kind in route.kinds:
            bits |= BITS[kind]
    return bits
