"""Sends what has gathered for a broker: over several turns of the loop, and not more than its link takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.broker_link import BrokerLink

TURN_S = 0.005  # what takes longer in all goes on in the next turn of the loop


class PacedSender:
    """`messages` are those that are unsent, in order; None if there are none. The link is sent nothing between two of
    them that belongs behind them."""

    __slots__ = ("_has_followers", "_is_due", "_link", "_loop", "_when_done", "messages")

    def __init__(self, link: BrokerLink) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._is_due = self._has_followers = False
        self._when_done: asyncio.Future[None] | None = None
        self.messages: Iterator[m.FromWorker] | None = None

    def begin(self, messages: Iterator[m.FromWorker]) -> None:
        """Send these. Those of before are given up."""
        self.messages = messages
        self.go_on()

    def follow(self, messages: Iterator[m.FromWorker]) -> None:
        """Send these behind the others. Does nothing while there are some that follow, of which none is sent."""
        if not self._has_followers:
            self._has_followers = True
            self.begin(self._followed(self.messages or iter(()), messages))

    def _followed(
        self, before: Iterator[m.FromWorker], messages: Iterator[m.FromWorker]
    ) -> Iterator[m.FromWorker]:
        yield from before
        self._has_followers = False
        yield from messages

    def disconnected(self) -> None:
        """The link is broken."""
        self.messages = None
        self._has_followers = False
        self._tell_done()

    async def finish(self, timeout_s: float) -> None:
        """Wait until all is sent, for at most `timeout_s` seconds. What is left then is given up."""
        if self.messages is not None:
            self._when_done = self._loop.create_future()
            await asyncio.wait((self._when_done,), timeout=timeout_s)
            self.disconnected()

    def go_on(self) -> None:
        """Send what the link takes, for TURN_S seconds, and then in the next turn."""
        until = time.perf_counter() + TURN_S
        while self.messages is not None and not self._link.is_full:
            if time.perf_counter() >= until:
                if not self._is_due:
                    self._is_due = True
                    self._loop.call_soon(self._next_turn)
                return
            message = next(self.messages, None)
            if message is None:
                self.messages = None
                self._tell_done()
            else:
                self._link.send(message)

    def _tell_done(self) -> None:
        if self._when_done is not None and not self._when_done.done():
            self._when_done.set_result(None)

    def _next_turn(self) -> None:
        self._is_due = False
        self.go_on()
