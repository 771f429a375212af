"""Who is connected, to which channels, and how much happens there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

PRESENCE_MEMBERS = 100  # the most that Pusher lets a presence channel have; Revurb has no limit
SINGLE_RANKS = 64  # the largest channels of a Zipf law, each for itself


@dataclass(frozen=True, slots=True)
class Band:
    """`channels` that are alike: each has so many subscribers and gets so many events a second."""

    name: str
    channels: int
    subscribers: int
    events_per_s: float
    presence: bool = False

    @property
    def subscriptions(self) -> int:
        return self.channels * self.subscribers


@dataclass(frozen=True, slots=True)
class Workload:
    """Connections that stay for `stay_s` on average, and all that comes by; `event_bytes` are an event's data."""

    name: str
    connections: int
    bands: tuple[Band, ...]
    event_bytes: int
    stay_s: float

    @property
    def connects_per_s(self) -> float:
        """As many go."""
        return self.connections / self.stay_s

    @property
    def published_per_s(self) -> float:
        return sum(band.channels * band.events_per_s for band in self.bands)

    @property
    def deliveries_per_s(self) -> float:
        """To clients, without those that tell of members."""
        return sum(band.subscriptions * band.events_per_s for band in self.bands)

    def told_per_s(self, band: Band) -> float:
        """Events that a member of one of the band's presence channels came or went."""
        return 2 * band.subscriptions / self.stay_s if band.presence else 0.0

    @property
    def told_deliveries_per_s(self) -> float:
        return sum(self.told_per_s(band) * band.subscribers for band in self.bands)


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of user of the server, of any size."""

    name: str
    about: str
    of: Callable[[int], Workload]


def notifications(connections: int) -> Workload:
    band = Band("private-user", connections, 1, 1 / 600)
    return Workload("notifications", connections, (band,), event_bytes=300, stay_s=1800)


def chat(connections: int) -> Workload:
    rooms = [
        # A room of thousands is slowed down by its owners, or nobody could read it.
        Band(name, channels, size, min(size / 120, 3.0), presence=size <= PRESENCE_MEMBERS)
        for name, channels, size in zipf("room", connections, max(1, connections // 20), 0.8)
    ]
    return Workload("chat", connections, tuple(rooms), event_bytes=200, stay_s=1800)


def ticker(connections: int) -> Workload:
    matches = [
        Band(name, channels, size, 1.0) for name, channels, size in zipf("match", connections, 50, 1.0)
    ]
    return Workload(
        "live scores",
        connections,
        (Band("scores", 1, connections, 0.5), *matches),
        event_bytes=150,
        stay_s=3600,
    )


def return_of_all(connections: int) -> Workload:
    band = Band("private-user", connections, 1, 1 / 600)
    return Workload("everyone comes back", connections, (band,), event_bytes=300, stay_s=300)


def custom(
    connections: int, channels: int, events_per_s: float, event_bytes: int, stay_s: float, presence: bool
) -> Workload:
    """All channels alike; every connection on one, or on as many as it takes for none to be empty."""
    each, more = divmod(max(connections, channels), channels)
    rate = events_per_s / channels
    bands = [Band("channel", channels - more, each, rate, presence)]
    if more:
        bands.append(Band("larger-channel", more, each + 1, rate, presence))
    return Workload("yours", connections, tuple(bands), event_bytes, stay_s)


PROFILES = (
    Profile(
        "notifications",
        "an app that shows each user their own news: a private channel of one, an event of 300 B every 10 minutes, "
        "half an hour each",
        notifications,
    ),
    Profile(
        "chat",
        "rooms of 20 on average by a Zipf law (exponent 0.8), those up to 100 with presence; everyone says 200 B every "
        "2 minutes, a room at most 3 times a second; half an hour each",
        chat,
    ),
    Profile(
        "live scores",
        "everyone on one channel (an event every 2 s) and on one of 50 matches by a Zipf law (exponent 1, an event "
        "a second); "
        "150 B, an hour each",
        ticker,
    ),
    Profile(
        "everyone comes back",
        "notifications, while all connect anew within 5 minutes, as after a deployment behind one load balancer",
        return_of_all,
    ),
)


def zipf(name: str, subscriptions: int, channels: int, exponent: float) -> list[tuple[str, int, int]]:
    """(name, channels, subscribers of each) for sizes that fall with the rank; together exactly `subscriptions`. The
    largest stand alone, the others in groups of neighbours, as even as they can be."""
    edges = list(range(1, min(channels, SINGLE_RANKS) + 2))
    while edges[-1] <= channels:
        edges.append(min(edges[-1] * 2, channels + 1))
    weights = [_rank_weight(start, end, exponent) for start, end in pairwise(edges)]
    whole, so_far, dealt = sum(weights), 0.0, 0
    found = []
    for (start, end), weight in zip(pairwise(edges), weights, strict=True):
        so_far += weight
        here = round(subscriptions * so_far / whole) - dealt
        dealt += here
        size, larger = divmod(here, end - start)
        sizes = (
            (f"{name}-{start}-larger", larger, size + 1),
            (f"{name}-{start}", end - start - larger, size),
        )
        found += [each for each in sizes if each[1] and each[2]]
    return found


def _rank_weight(start: int, end: int, exponent: float) -> float:
    """The sum of rank ** -exponent for start <= rank < end."""
    if end - start < 1000:
        return float(sum(rank**-exponent for rank in range(start, end)))
    power = 1 - exponent  # an integral is as good for so many
    if power == 0:
        raise ValueError("an exponent of 1 is for fewer than 1,000 channels")
    return float(((end - 0.5) ** power - (start - 0.5) ** power) / power)
