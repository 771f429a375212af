"""Connections that have to sign in, and by when: soketi has the same option.

Plan: those with the same time to sign in are in order of their deadlines, and whoever signs in or leaves is taken out.
So there is no timer for each, nobody who has gone is kept, and a look at the first of each time is enough. There are as
many times as apps have different ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

from revurb.pusher.ports import Work


class SessionToSignIn(Protocol):
    def on_sign_in_overdue(self) -> None:
        """Nobody has signed in: end."""


class SignInDeadlines:
    """`work` runs what may take long. `waiting` is empty where nobody has to sign in."""

    __slots__ = ("_now", "_work", "waiting")

    def __init__(self, work: Work) -> None:
        self._work = work
        self._now = 0.0
        # Seconds to sign in -> session -> deadline. An OrderedDict is rid of its first in constant time.
        self.waiting: dict[int, OrderedDict[SessionToSignIn, float]] = {}

    def add(self, session: SessionToSignIn, timeout_s: int) -> None:
        """A session has begun: it is to sign in within `timeout_s`, counted from the last tick."""
        waiting = self.waiting.get(timeout_s)
        if waiting is None:
            waiting = self.waiting[timeout_s] = OrderedDict()
        waiting[session] = self._now + timeout_s

    def remove(self, session: SessionToSignIn) -> None:
        """A session has signed in, or ended. One that was not added is ignored."""
        for timeout_s, waiting in tuple(self.waiting.items()):
            if waiting.pop(session, None) is not None and not waiting:
                del self.waiting[timeout_s]

    def tick(self, now: float) -> None:
        """Have those whose time is over end. To be called a few times a second; `now` is monotonic."""
        self._now = now
        for waiting in self.waiting.values():
            if waiting and next(iter(waiting.values())) <= now:
                self._work(self._end_overdue(now))
                return

    def _end_overdue(self, now: float) -> Iterator[None]:
        for timeout_s, waiting in tuple(self.waiting.items()):
            while waiting and next(iter(waiting.values())) <= now:
                session, _ = waiting.popitem(last=False)
                session.on_sign_in_overdue()
                yield
            if not waiting and self.waiting.get(timeout_s) is waiting:
                del self.waiting[timeout_s]
