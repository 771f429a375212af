"""What this node may take in of each app with a limit on connections, in one session with Redis.

Places below the limit are lent to it, some at once while many are free, so that Redis is not asked about each
connection. When a node elsewhere finds none, they are called back (`on_message`): spare ones are given back at once,
and so is from then on each that becomes free, until Redis says that there are many again.

Nothing is taken on a loan while a question for more is on its way, whose answer replaces it, or when this node's lease
may have ended, after which what was lent to it is lent to others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from revurb.bus.redis.keys import Keys
from revurb.bus.redis.redis_ledger import RedisLedger

RECALL_WAIT_MS = (
    2000  # for nodes that do not answer a recall: what is lent to them comes back with their lease
)
FIRST_PAUSE_S = 0.002  # before Redis is asked again whether all have answered
MAX_PAUSE_S = 0.1
_MAX_DIGITS = 16  # of a round, which is a time in ms


class _Loan:
    """`count` of the `places` are taken. `waiting` are the ids of those who want one."""

    __slots__ = (
        "count", "is_asking", "is_in_flight", "is_scarce", "is_untold", "limit", "pause_s", "places", "round", "told",
        "waiting"
    )  # fmt: skip

    def __init__(self, count: int) -> None:
        self.count = count
        self.places = 0
        self.limit = -1
        self.waiting: deque[int] = deque()
        self.is_asking = False  # for places, over several round trips perhaps
        self.is_in_flight = False  # a question, whose answer says how many places there are
        self.is_scarce = False  # there was a recall: what is spare is given back
        self.is_untold = False  # something is to be told behind the question
        self.round = ""  # of a recall to be answered
        self.told = 0  # how often something was told
        self.pause_s = FIRST_PAUSE_S


class ConnectionLoans:
    """`subscribe` is the listener's. `reply` answers the question with that id, `refuse` says that Redis cannot;
    `is_certain` is whether this node's lease has certainly not ended. `counts` are its connections, by app, as far as
    they are known, from one session to the next."""

    def __init__(
        self,
        keys: Keys,
        ledger: RedisLedger,
        counts: dict[str, int],
        subscribe: Callable[[str, Callable[[], None]], None],
        reply: Callable[[int, object], None],
        refuse: Callable[[int], None],
        is_certain: Callable[[], bool],
    ) -> None:
        self._keys = keys
        self._ledger = ledger
        self._counts = counts
        self._subscribe = subscribe
        self._reply = reply
        self._refuse = refuse
        self._is_certain = is_certain
        self._loop = asyncio.get_running_loop()
        self._loans: dict[str, _Loan] = {}
        self._apps: dict[bytes, str] = {}  # by the channel of their recalls
        self._timers: dict[str, asyncio.Handle] = {}

    def stop(self) -> None:
        """Do nothing any more: the session ends."""
        for timer in self._timers.values():
            timer.cancel()
        self._loans.clear()

    # What the bus does.

    def take(self, app_id: str, limit: int | None, count: int) -> bool:
        """One more connection of the app is to be taken in, of which there are `count`. Returns whether that is within
        what is lent; if not, `admit` is to be asked."""
        self._counts[app_id] = count
        loan = self._loans.get(app_id)
        if loan is None:
            return limit is None
        loan.count = count
        if limit is not None and (count >= loan.places or limit != loan.limit or not self._is_certain()):
            return False
        loan.count = count + 1
        return True

    def released(self, app_id: str, count: int) -> None:
        """A connection of the app has ended; there are `count` more."""
        self._counts[app_id] = count
        loan = self._loans.get(app_id)
        if loan is None:
            return
        loan.count = count
        if loan.is_scarce and not loan.is_untold:
            loan.is_untold = True
            self._loop.call_soon(self._tell, app_id, loan)

    def admit(self, id: int, app_id: str, limit: int) -> None:
        """The question with that id asks for a place."""
        loan = self._loans.get(app_id)
        if loan is None:
            loan = self._loans[app_id] = _Loan(self._counts.get(app_id, 0))
        loan.limit = limit
        loan.waiting.append(id)
        if not loan.is_asking:
            loan.is_asking = True
            channel = self._keys.places(app_id)
            self._apps[channel.encode()] = app_id
            self._subscribe(channel, lambda: self._ask(app_id, loan))

    def set_connections(self, app_id: str, count: int) -> None:
        """Tell the number of connections of the app: `count`, where nothing newer is known."""
        loan = self._loans.get(app_id)
        if loan is None:
            self._ledger.set_connections(app_id, count)
        else:
            loan.is_untold = True
            self._tell(app_id, loan)

    # What Redis says.

    def on_message(self, channel: bytes, data: bytes) -> bool:
        """Something was published on a channel. Returns whether it is one of those of recalls."""
        app_id = self._apps.get(channel)
        loan = None if app_id is None else self._loans.get(app_id)
        if app_id is None or loan is None:
            return False
        if data.isdigit() and len(data) <= _MAX_DIGITS:
            loan.round = data.decode()
            loan.is_scarce = loan.is_untold = True
            self._tell(app_id, loan)
        return True

    def _ask(self, app_id: str, loan: _Loan) -> None:
        self._timers.pop(app_id, None)
        loan.is_in_flight, loan.places = True, loan.count
        sent, wanted = loan.count, len(loan.waiting)
        self._ledger.lend_places(
            app_id,
            sent,
            loan.limit,
            wanted,
            RECALL_WAIT_MS,
            lambda reply: self._lent(app_id, loan, sent, wanted, *reply),
            lambda error: self._failed(app_id, loan),
        )

    def _lent(self, app_id: str, loan: _Loan, sent: int, wanted: int, *reply: Any) -> None:
        places, left, is_scarce = reply
        loan.is_in_flight = False
        loan.places = sent + places
        loan.is_scarce = bool(
            is_scarce or loan.round
        )  # a recall may be here before the answer that knows nothing of it
        while loan.waiting and loan.count < loan.places:
            loan.count += 1
            wanted -= 1
            self._reply(loan.waiting.popleft(), True)
        if left <= 0:
            loan.pause_s = FIRST_PAUSE_S
            for _ in range(wanted):
                self._reply(loan.waiting.popleft(), False)
        if loan.round or loan.is_untold or (loan.is_scarce and loan.places > loan.count):
            loan.is_untold = True
            self._tell(app_id, loan)
        if not loan.waiting:
            loan.is_asking = False
        elif left <= 0:
            self._ask(app_id, loan)
        else:
            self._timers[app_id] = self._loop.call_later(loan.pause_s, self._ask, app_id, loan)
            loan.pause_s = min(MAX_PAUSE_S, 2 * loan.pause_s)

    def _failed(self, app_id: str, loan: _Loan) -> None:
        """What Redis has of the app cannot be used."""
        loan.is_in_flight = loan.is_asking = False
        waiting, loan.waiting = loan.waiting, deque()
        for id in waiting:
            self._refuse(id)

    def _tell(self, app_id: str, loan: _Loan) -> None:
        """Tell how many places are taken, and give back those that are not, if they are scarce."""
        if loan.is_in_flight or not loan.is_untold:
            return  # it is told behind the answer, or was
        if loan.is_scarce:
            loan.places = loan.count
        spare, round = max(0, loan.places - loan.count), loan.round
        loan.round, loan.is_untold = "", False
        loan.told += 1
        told = loan.told
        self._ledger.set_connections(
            app_id,
            loan.count,
            spare=spare,
            round=round,
            done=lambda is_scarce: self._told(loan, told, is_scarce),
        )

    def _told(self, loan: _Loan, told: int, is_scarce: Any) -> None:
        if (
            told == loan.told and not loan.is_untold and not loan.is_in_flight
        ):  # else that knows more of a recall
            loan.is_scarce = bool(is_scarce)
