"""How far each fact is: which targets have still to be told of it, and when the bus may forget it.

A fact is open from when the bus brings it until every target that wants it is told, or given up; then it is done. A
target that is slow must not make a successor repeat everything to the fast ones: a request that is over is kept (its
facts' ids alone) until the last of its facts is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from revurb.webhooks.kept_request import KeptRequest

_UNROUTED = ("",)  # the targets of a fact that is known, and not given to any yet


@dataclass(slots=True)
class _OverRequest:
    """A request that is over and kept under `name`, of which `left` facts are not done yet."""

    name: str
    left: int


class FactProgress:
    """The facts that are open.

    `done` are the ids of those that the bus may forget, and `forgettable` the names under which nothing needs to be
    kept any more; whoever reads one of the lists empties it.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, ...]] = {}  # id -> targets that have still to be told
        self._being_sent: dict[str, set[str]] = {}  # id -> targets that a kept request tells
        self._told_before: dict[str, set[str]] = {}  # id, not routed yet -> targets that need not be told
        self._over: dict[str, list[_OverRequest]] = {}  # id -> requests that were over before it is done
        self.done: list[str] = []
        self.forgettable: list[str] = []

    def __len__(self) -> int:
        return len(self._open)

    def load(self, kept: KeptRequest) -> None:
        """Take over a request of an earlier sender, before any fact comes."""
        if kept.body is not None:
            for fact_id in kept.fact_ids:
                self._being_sent.setdefault(fact_id, set()).add(kept.target_id)
        else:
            over = _OverRequest(kept.name, len(kept.fact_ids))
            for fact_id in kept.fact_ids:
                self._told_before.setdefault(fact_id, set()).add(kept.target_id)
                self._over.setdefault(fact_id, []).append(over)

    def open(self, fact_id: str) -> bool:
        """Note a fact that the bus brings. False if it is open already."""
        if fact_id in self._open:
            return False
        self._open[fact_id] = _UNROUTED
        return True

    def was_sent(self, fact_id: str) -> bool:
        """Whether an earlier sender has sent it to anybody, or tried to."""
        return fact_id in self._being_sent or fact_id in self._told_before

    def route(self, fact_id: str, target_ids: Sequence[str]) -> Sequence[str]:
        """Those of the targets to whose queue a fact goes. The others are told, or a kept request tells them."""
        before = self._told_before.pop(fact_id, ())
        wanting = (
            tuple(target for target in target_ids if target not in before) if before else tuple(target_ids)
        )
        if not wanting:
            self.close([fact_id])
            return ()
        self._open[fact_id] = wanting
        sending = self._being_sent.get(fact_id)
        return [target for target in wanting if target not in sending] if sending else wanting

    def close(self, fact_ids: Sequence[str]) -> None:
        """Nobody has to be told of these any more."""
        for fact_id in fact_ids:
            self._open.pop(fact_id, None)
            self._being_sent.pop(fact_id, None)
            self._release(fact_id)
        self.done += fact_ids

    def finish(self, target_id: str, fact_ids: Sequence[str], name: str | None = None) -> Sequence[str]:
        """A target is told of these facts, or they are given up for it. Returns the ids of those that are not done:
        they are to be kept under `name`, which is that of the request; without one, they are not kept."""
        done, left = [], []
        for fact_id in fact_ids:
            sending = self._being_sent.get(fact_id)
            if sending is not None:
                sending.discard(target_id)
                if not sending:
                    del self._being_sent[fact_id]
            targets = self._open.get(fact_id, _UNROUTED)
            if targets is _UNROUTED:  # a kept request was faster than the bus
                self._told_before.setdefault(fact_id, set()).add(target_id)
                left.append(fact_id)
            elif targets == (target_id,):
                done.append(fact_id)
            else:
                self._open[fact_id] = tuple(target for target in targets if target != target_id)
                left.append(fact_id)
        self.close(done)
        if left and name is not None:
            over = _OverRequest(name, len(left))
            for fact_id in left:
                self._over.setdefault(fact_id, []).append(over)
        return left

    def close_unclaimed(self) -> None:
        """Forget what was kept of facts that the bus has not brought: they were done before. To be called when all that
        an earlier sender had taken must have come."""
        for fact_id in [fact_id for fact_id in self._told_before if fact_id not in self._open]:
            del self._told_before[fact_id]
            self._release(fact_id)

    def _release(self, fact_id: str) -> None:
        for over in self._over.pop(fact_id, ()):
            over.left -= 1
            if not over.left:
                self.forgettable.append(over.name)
