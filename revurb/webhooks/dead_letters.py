"""Dead letters: events that a target was not told of, and never will be. They are counted, logged and, if that is
configured, written to a file."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.webhooks.app_targets import TargetRoute
from revurb.webhooks.dead_letter_file import DeadLetterFile

GIVEN_UP = "webhook given up"
FAILS = "webhook target fails"
WORKS_AGAIN = "webhook target works again"
_ADVICE = "see docs/webhooks.md; revurb webhooks test sends one and prints what comes back"
_EVENTS_KEY = b'"events":'
RECENT = 100
_encode = msgspec.json.Encoder().encode


class DeadLetter(NamedTuple):
    """That `events` events were given up after `tries` requests, without what was in them."""

    at_ms: int
    app: str
    url: str
    events: int
    why: str
    tries: int


class DeadLetters:
    """Where they go. Lines of the log are as many as `log` lets through. The last RECENT are in `recent`, the oldest
    first."""

    def __init__(
        self,
        counters: Counters,
        log: RefusalLog,
        file: DeadLetterFile | None,
        recent: deque[DeadLetter] | None = None,
    ) -> None:
        self._counters = counters
        self._log = log
        self._file = file
        self.recent: deque[DeadLetter] = deque(maxlen=RECENT) if recent is None else recent

    def request(
        self, route: TargetRoute, request_id: str, body: bytes, count: int, reason: str, tries: int = 0
    ) -> None:
        """A request with `count` events was given up, which this process has sent `tries` times."""
        self._note(route, reason, count, tries)
        if self._file is not None:
            events = body[body.index(_EVENTS_KEY) + len(_EVENTS_KEY) : -1]
            self._write(route, reason, request_id, events)

    def events(self, route: TargetRoute, events: Sequence[bytes], reason: str) -> None:
        """Events were given up before they were sent."""
        self._note(route, reason, len(events))
        if self._file is not None:
            self._write(route, reason, "", b"[%s]" % b",".join(events))

    def unrouted(self, count: int, reason: str) -> None:
        """Facts were given up before it was known who wants them."""
        self._counters.webhook_dead_letters_total += count
        self._remember("", "", count, reason, 0)
        if self._log.counts(GIVEN_UP):
            self._log.write(GIVEN_UP, "", _ADVICE, events=str(count), reason=reason)

    def _remember(self, app_id: str, url: str, count: int, reason: str, tries: int) -> None:
        self.recent.append(DeadLetter(int(time.time() * 1000), app_id, url, count, reason, tries))

    def _note(self, route: TargetRoute, reason: str, count: int, tries: int = 0) -> None:
        self._counters.webhook_dead_letters_total += count
        self._remember(route.app_id, route.target.shown_url, count, reason, tries)
        if self._log.counts(GIVEN_UP):
            url = route.target.shown_url
            self._log.write(
                GIVEN_UP, "", _ADVICE, app=route.app_id, url=url, events=str(count), reason=reason
            )

    def _write(self, route: TargetRoute, reason: str, request_id: str, events: bytes) -> None:
        assert self._file is not None
        letter = {
            "app_id": route.app_id,
            "url": route.target.shown_url,
            "webhook_id": request_id,
            "reason": reason,
            "events": msgspec.Raw(events),
        }
        self._file.append(_encode(letter))


class TargetHealth:
    """Logs when a target begins to fail, and when it works again."""

    def __init__(self, log: RefusalLog) -> None:
        self._log = log
        self._failing: set[str] = set()  # ids of targets

    def failed(self, route: TargetRoute, reason: str) -> None:
        """A try has failed."""
        if route.id in self._failing:
            return
        self._failing.add(route.id)
        if self._log.counts(FAILS):
            self._log.write(FAILS, "", _ADVICE, app=route.app_id, url=route.target.shown_url, reason=reason)

    def worked(self, route: TargetRoute) -> None:
        """A request was delivered."""
        if route.id not in self._failing:
            return
        self._failing.discard(route.id)
        if self._log.counts(WORKS_AGAIN):
            url = route.target.shown_url
            self._log.write(WORKS_AGAIN, "", "", level=logging.INFO, app=route.app_id, url=url)
