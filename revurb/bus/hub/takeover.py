"""The first moments of a broker that replaces one that died.

Its ledger is empty, although the workers' clients never went away. So it collects the `Hello` of every worker that lost
the previous broker, for at most one lease, and postpones all other messages until then. Otherwise members who were
present all the time would be announced as joining or leaving.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from revurb.bus.brokered import broker_messages as m
from revurb.bus.fact_making import FactMaker
from revurb.bus.hub.peer import Peer
from revurb.bus.ledger import ChannelKey, Ledger
from revurb.pusher.facts import WantedFacts


class Takeover:
    """Waits for `expected_workers` reports, until `deadline` in seconds of the broker's clock. `died_workers` have died
    shortly before the previous broker, or with it.

    `departed` collects the members that left while there was no broker, with the worker that reports them. The broker
    announces them at the end, when it knows which of them are still present through another worker. `is_finishing` is
    whether the end has begun. Channels of which there may have to be facts are `known` to the previous broker, or `new`
    to some worker, or `closed`, without a subscriber on a worker that had some.
    """

    __slots__ = (
        "_died_workers",
        "_expected_workers",
        "_postponed",
        "_reported",
        "closed",
        "deadline",
        "departed",
        "is_finishing",
        "known",
        "new",
    )

    def __init__(self, expected_workers: int, deadline: float, died_workers: int) -> None:
        self._expected_workers = expected_workers
        self._died_workers = died_workers
        self.deadline = deadline
        self.is_finishing = False
        self._reported: set[str] = set()
        self._postponed: deque[tuple[Peer, m.FromWorker, int]] = deque()
        self.departed: list[tuple[Peer, m.DepartedMember]] = []
        self.known: set[ChannelKey] = set()
        self.new: set[ChannelKey] = set()
        self.closed: set[ChannelKey] = set()

    def add_channels(
        self, channels: Iterable[m.ChannelReport], closed: Iterable[ChannelKey], wanted: WantedFacts
    ) -> Iterator[None]:
        """What a worker reports of channels, as far as facts of them are wanted."""
        for report in channels:
            if wanted.get(report.app_id):
                (self.new if report.is_new else self.known).add((report.app_id, report.channel))
            yield
        for key in closed:
            if wanted.get(key[0]):
                self.closed.add(key)
                self.known.add(key)

    def tell_changes(self, ledger: Ledger, facts: FactMaker) -> Iterator[None]:
        """Tell of the channels that got their first subscriber, or lost their last, while there was no broker."""
        for key in tuple(self.new - self.known):
            if ledger.is_occupied(*key):
                facts.occupied(*key)
            yield
        for key in tuple(self.closed):
            if not ledger.is_occupied(*key):
                facts.vacated(*key)
            yield

    def add_report(self, node: str) -> None:
        """The `Hello` of a worker that knew the previous broker has come."""
        self._reported.add(node)

    @property
    def has_all_reports(self) -> bool:
        """Whether every expected worker has reported."""
        return len(self._reported) >= self._expected_workers

    @property
    def unaccounted_workers(self) -> int:
        """How many workers the previous broker had that have not reported; perhaps another worker keeps their members,
        or the previous broker had buried them."""
        return self._expected_workers + self._died_workers - len(self._reported)

    def postpone(self, peer: Peer, message: m.FromWorker, size_bytes: int) -> None:
        """Keep a message until the takeover is over."""
        peer.waiting_bytes += size_bytes
        self._postponed.append((peer, message, size_bytes))

    def pop_postponed(self) -> Iterator[tuple[Peer, m.FromWorker]]:
        """Remove and return the postponed messages one by one, in the order in which they came."""
        while self._postponed:
            peer, message, size_bytes = self._postponed.popleft()
            peer.waiting_bytes -= size_bytes
            yield peer, message
