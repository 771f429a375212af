"""Tells other servers what happens on channels: the `FactSender` of a node, and what it wants to be told.

The bus lets one process at a time send (`begin`, `end`); the others only say what is wanted. aiohttp is imported where
something is sent, in a thread, as that takes 0.2 s.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from revurb.apps import App, AppProvider
from revurb.apps.webhook_target import shown_url
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.observe.trace import MessageTrace
from revurb.pusher.facts import FactQueue, FactSender, QueuedFact, WantedFacts
from revurb.webhooks.app_targets import TargetRoute
from revurb.webhooks.dead_letter_file import DeadLetterFile
from revurb.webhooks.dead_letters import RECENT, DeadLetter, DeadLetters
from revurb.webhooks.delivery_desk import DeliveryDesk, Post, SendingClock
from revurb.webhooks.retry_policy import Outcome, Verdict
from revurb.webhooks.sending_turn import SendingLimits, SendingTurn
from revurb.webhooks.target_book import NotedApps, TargetBook

if TYPE_CHECKING:
    from revurb.webhooks.http_client import HttpClient

MISSING_CLIENT = "webhooks need an HTTP client: pip install 'revurb[webhooks]'"
FILE_TIMEOUT_S = 1.0


def has_http_client() -> bool:
    """Whether aiohttp is installed."""
    return importlib.util.find_spec("aiohttp") is not None


class WebhookSender:
    """Sends webhooks for the apps of a node. `post` is instead of its own HTTP client."""

    def __init__(
        self,
        apps: AppProvider,
        *,
        limits: SendingLimits | None = None,
        allow_private: bool = False,
        dead_letters: str | None = None,
        counters: Counters | None = None,
        log: RefusalLog | None = None,
        trace: MessageTrace | None = None,
        clock: SendingClock | None = None,
        post: Post | None = None,
    ) -> None:
        self._book = TargetBook(apps)
        self._limits = limits or SendingLimits()
        self._allow_private = allow_private
        self._counters = counters or Counters()
        self._log = log or RefusalLog()
        self._trace = trace
        self._clock = clock or SendingClock()
        self._file = None if dead_letters is None else DeadLetterFile(dead_letters)
        self._send = post or self._send_by_client
        self._client: HttpClient | None = None
        self._opening: asyncio.Lock = asyncio.Lock()
        self._queue: FactQueue | None = None
        self._turn: SendingTurn | None = None
        self.recent_dead_letters: deque[DeadLetter] = deque(maxlen=RECENT)
        """What this process has given up, the oldest first."""
        self.apps: AppProvider = apps if self._book.is_fixed else NotedApps(apps, self._book)
        """The apps for the rest of the node: what a provider of the user's own finds is noted here."""

    @property
    def needs_client(self) -> bool:
        """Whether a configured app has a target."""
        return self._book.has_targets

    def routes(self, limit: int) -> list[TargetRoute]:
        """The targets of all apps, as far as they are known, at most `limit`."""
        return list(itertools.islice(self._book.routes(), limit))

    @property
    def wanted(self) -> WantedFacts:
        """What is wanted, at any time."""
        return self._book.wanted

    def start(self, queue: FactQueue) -> None:
        """Send what `queue` has, whenever the bus says `begin`."""
        self._queue = queue
        self._book.on_wanted = queue.want

    async def stop(self, timeout_s: float, *, is_last: bool = False) -> None:
        """Let the requests on their way come to an end; what is not done is left to the next sender. With `is_last`
        there is none, and what waits is sent too. Takes `timeout_s` at most, and a second for the file."""
        if self._turn is not None:
            await self._turn.stop(timeout_s, is_last=is_last)
        self.end()
        self._queue = None
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._file is not None:
            await asyncio.to_thread(self._file.close, FILE_TIMEOUT_S)

    def begin(self, kept: Mapping[str, bytes]) -> None:
        """Send from now on."""
        self.end()
        if self._queue is None:
            return
        letters = DeadLetters(self._counters, self._log, self._file, self.recent_dead_letters)
        desk = DeliveryDesk(
            self._queue,
            self._post,
            self._app_of,
            clock=self._clock,
            counters=self._counters,
            dead_letters=letters,
            log=self._log,
        )
        self._turn = SendingTurn(desk, self._book, self._limits, kept)

    def take(self, facts: Sequence[QueuedFact]) -> None:
        """Send these."""
        if self._turn is not None:
            self._turn.take(facts)

    def end(self) -> None:
        """Send nothing any more."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end()
        self._counters.webhook_facts_waiting = 0

    def _app_of(self, app_id: str) -> App | None:
        targets = self._book.find(app_id)
        return None if targets is None else targets.app

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], own_headers: Mapping[str, str]
    ) -> Outcome:
        if self._trace is None:
            return await self._send(url, body, headers, own_headers)
        self._trace.webhook_sent(shown_url(url), body)
        outcome = await self._send(url, body, headers, own_headers)
        self._trace.webhook_answered(shown_url(url), outcome.reason)
        return outcome

    async def _send_by_client(
        self, url: str, body: bytes, headers: Mapping[str, str], own_headers: Mapping[str, str]
    ) -> Outcome:
        client = self._client or await self._open_client()
        if client is None:
            return Outcome(Verdict.RETRY, MISSING_CLIENT)
        return await client.post(url, body, headers, own_headers)

    async def _open_client(self) -> HttpClient | None:
        async with self._opening:
            if self._client is None:
                try:
                    await asyncio.to_thread(_import_client)
                except ImportError:
                    return None
                from revurb.webhooks.http_client import HttpClient

                self._client = HttpClient(allow_private=self._allow_private)
            return self._client


def _import_client() -> None:
    import revurb.webhooks.http_client  # noqa: F401


_: type[FactSender] = WebhookSender
