"""What becomes of a request after an answer, and when it is tried again.

Pusher tries a webhook again for five minutes, with exponential back-off. Here the answer decides whether that can help:
the network, and statuses that say "later" (5xx, 408, 425, 429); what the receiver does not want it will not want later.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import NamedTuple

# A receiver that fails a third of the time takes 3,000 facts a second then, in batches of 64 KiB; with 1 s 1,000.
FIRST_DELAY_S = 0.25
MAX_DELAY_S = 60.0
TRIED_FOR_S = 300.0  # from the first try, as Pusher
_LATER = (408, 425, 429)  # Request Timeout, Too Early, Too Many Requests


class Verdict(enum.Enum):
    """What an answer means for the request."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GIVE_UP = "give up"


class Outcome(NamedTuple):
    """What came of one try. `reason` is for people, and without secrets; `retry_after` is that header."""

    verdict: Verdict
    reason: str
    status: int = 0  # 0: no answer
    retry_after: str = ""
    address: str = ""  # the IP address that answered
    body: bytes = b""  # its first bytes


def verdict_of(status: int) -> Verdict:
    """The meaning of a final status (redirects are followed before)."""
    if 200 <= status < 300:
        return Verdict.DELIVERED
    return Verdict.RETRY if status in _LATER or status >= 500 else Verdict.GIVE_UP


def retry_after_s(text: str, now_s: float) -> float:
    """The seconds that a `Retry-After` asks for, a number or a date (RFC 9110, 10.2.3); 0 for what it cannot mean.
    `now_s` is in seconds since 1970."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    import email.utils  # 0.5 MiB that every process would have

    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - now_s, 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0


class RetrySchedule:
    """The tries of one request, first made at `first_try_s`, in seconds since 1970. `jitter` gives numbers from 0
    to 1."""

    def __init__(self, first_try_s: float, jitter: Callable[[], float]) -> None:
        self._deadline_s = first_try_s + TRIED_FOR_S
        self._jitter = jitter
        self._failures = 0

    def delay_s(self, now_s: float, retry_after: str = "") -> float | None:
        """The seconds to wait after one more failure; None if that was the last try. What the receiver asks for counts,
        as far as the five minutes go: the last try is at their end."""
        left_s = self._deadline_s - now_s
        if left_s <= 0:
            return None
        longest_s = min(math.ldexp(FIRST_DELAY_S, self._failures), MAX_DELAY_S)
        self._failures = min(self._failures + 1, 30)
        delay_s = longest_s * (0.5 + self._jitter() / 2)  # half of it at least, so that tries stay apart
        # A clock that was set back must not make it longer.
        return min(max(delay_s, retry_after_s(retry_after, now_s)), left_s, TRIED_FOR_S)
