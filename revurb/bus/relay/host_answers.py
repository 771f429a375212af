"""The answers of a host to the questions of PHP nodes. Redis counts a host as one subscriber of their channel, and
whoever asks waits for one answer of each: so those of the workers are merged into one.

The four kinds of answers are JSON: connections by their names, channels by theirs with what is known of each, one
channel, or a list of users. Maps are united, numbers of the same name added, lists of users joined without repeating
any. An empty list stands for an empty map, as PHP writes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from revurb.bus.relay.relay_messages import RelayAnswer

_log = logging.getLogger(__name__)

DEADLINE_S = 1.0  # for a worker that does not answer; a PHP node waits for 10 s
MAX_WAITING_BYTES = 8 * 1024 * 1024  # of answers that Redis has not taken

Publish = Callable[[str, bytes, Callable[[], None]], None]  # channel, message, what is called when it is done


def merge(first: Any, second: Any) -> Any:
    """Two payloads, or parts of them with the same name, as one."""
    if isinstance(first, dict) and isinstance(second, dict):
        merged = dict(first)
        for name, value in second.items():
            merged[name] = merge(merged[name], value) if name in merged else value
        return merged
    if isinstance(first, list) and isinstance(second, list):
        return first + [value for value in second if value not in first]
    if isinstance(first, bool) and isinstance(second, bool):
        return first or second
    if isinstance(first, int) and isinstance(second, int):
        return first + second
    if first == []:  # PHP's empty map
        return second
    return first


class _OpenAnswer:
    """What has come of an answer so far; `missing` are the workers that have not answered."""

    __slots__ = ("first", "missing", "payload", "timer")

    def __init__(self, first: RelayAnswer, missing: set[object], timer: asyncio.TimerHandle) -> None:
        self.first = first
        self.payload: Any = None
        self.missing = missing
        self.timer = timer


class HostAnswers:
    """Those of one session. An answer is published when every worker has given its part that was there when the first
    did, or has gone, or DEADLINE_S later without the rest. It is dropped (`dropped`) while Redis takes none."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._open: dict[tuple[str, str], _OpenAnswer] = {}  # by channel and key
        self._waiting_bytes = 0  # of what Redis has not taken
        self.dropped = 0

    def add(self, worker: object, workers: Iterable[object], answer: RelayAnswer) -> None:
        """A worker's part; `workers` are all that answer such a question."""
        name = answer.channel, answer.key
        open_answer = self._open.get(name)
        if open_answer is None:
            timer = self._loop.call_later(DEADLINE_S, self._finish, name)
            open_answer = self._open[name] = _OpenAnswer(answer, set(workers), timer)
        try:
            payload = orjson.loads(answer.payload)
        except orjson.JSONDecodeError:
            payload = []
        open_answer.payload = payload if open_answer.payload is None else merge(open_answer.payload, payload)
        open_answer.missing.discard(worker)
        if not open_answer.missing:
            self._finish(name)

    def forget(self, worker: object) -> None:
        """A worker has gone."""
        for name, open_answer in tuple(self._open.items()):
            open_answer.missing.discard(worker)
            if not open_answer.missing:
                self._finish(name)

    def close(self) -> None:
        """Publish nothing any more."""
        for open_answer in self._open.values():
            open_answer.timer.cancel()
        self._open.clear()

    def _finish(self, name: tuple[str, str]) -> None:
        open_answer = self._open.pop(name, None)
        if open_answer is not None:
            open_answer.timer.cancel()
            first = open_answer.first
            message = b"".join((first.before, orjson.dumps(open_answer.payload), first.after))
            self._send(first.channel, message)

    def _send(self, channel: str, message: bytes) -> None:
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self.dropped += 1
            if self.dropped == 1:
                _log.warning("questions of PHP nodes come faster than redis takes answers: some get none")
            return

        def done() -> None:
            self._waiting_bytes -= len(message)

        self._waiting_bytes += len(message)
        self._publish(channel, message, done)
