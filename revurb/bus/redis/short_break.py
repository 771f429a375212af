"""A link that breaks and is back in a moment, with the same Redis behind it, has lost nothing: the logs have what was
published meanwhile, and the bus sends again what it has no answer to. So events wait for it, and keep the one order
that they have in Redis. An outage is something else: each node then serves its own clients, in an order of its own.
"""

from __future__ import annotations

import asyncio

from revurb.bus.brokered.broker_link import BrokerLinkOwner

MAX_BREAK_S = 2.0  # a relay that was killed is back in 0.5 s, most of it for starting the process


class ShortBreak:
    """Tells the owner of a link of its ups and downs, but for breaks that are shorter than MAX_BREAK_S."""

    def __init__(self, owner: BrokerLinkOwner) -> None:
        self._owner = owner
        self._timer: asyncio.TimerHandle | None = None  # while a break may be a short one

    def begin(self) -> None:
        """The link is broken."""
        self._timer = asyncio.get_running_loop().call_later(MAX_BREAK_S, self.is_outage)

    def is_outage(self) -> None:
        """It does not come back at once. Without effect if there is no break, or if it was told."""
        if self._timer is not None:
            self.cancel()
            self._owner.unlinked()

    def up(self, *, is_same_redis: bool) -> None:
        """The link is there, or back. Another Redis has no log of what was published before."""
        if not is_same_redis:
            self.is_outage()
        if self._timer is None:
            self._owner.linked()
        else:
            self.cancel()
            self._owner.relinked()

    def cancel(self) -> None:
        """Tell nothing any more of a break that has begun."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
