"""When a client connects again after it has lost its connection: by the close code, as pusher-js does (Pusher docs,
"Connection closure"), and by how often it has tried since a connection last held.

| code | |
|---|---|
| 4000-4099 | never: what is wrong does not change |
| 4200-4299 | at once, and after a delay where that does not help |
| any other, or none | after a delay, which doubles up to a limit; jitter keeps clients that were lost together apart |
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 15.0
NO_ANSWER = 4201  # Pusher's code for a client that did not answer a ping; here for a server


def is_final(code: int | None) -> bool:
    """Whether the server wants no further connection."""
    return code is not None and 4000 <= code <= 4099


def backoff_delay_s(attempt: int) -> float:
    """Seconds to wait before attempt 1, 2 and so on: doubles up to `MAX_DELAY_S`, with jitter."""
    return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)


class ReconnectSchedule:
    """The attempts since a connection last held. `delay_s` gives the seconds before an attempt."""

    def __init__(self, delay_s: Callable[[int], float] = backoff_delay_s) -> None:
        self._delay_s = delay_s
        self._attempt = 0

    def held(self) -> None:
        """A connection has been established."""
        self._attempt = 0

    def next_delay_s(self, code: int | None) -> float:
        """Seconds until the next attempt, after a connection that ended with `code`, which is not final."""
        self._attempt += 1
        at_once = code is not None and 4200 <= code <= 4299 and self._attempt == 1
        return 0.0 if at_once else self._delay_s(self._attempt)
