"""How many requests an app may send in a second: 429 for those that are too many."""

from __future__ import annotations

import math
from collections.abc import Callable

from revurb.api.answers import ApiError, text_response
from revurb.apps import App
from revurb.pusher.rates import Rates

_SENTENCES = {
    "publishes": "Too many requests. The app may publish %d events in a second (REVURB_APP_MAX_PUBLISHES_PER_SECOND).",
    "reads": "Too many requests. The app may read %d times in a second (REVURB_APP_MAX_READS_PER_SECOND).",
}


class RequestRates:
    """Counts the requests of apps with such limits against `rates`. `clock` gives seconds since 1970."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self._rates = rates
        self._clock = clock

    def publish(self, app: App, count: int = 1) -> None:
        """Count events that are published. Raises ApiError (429)."""
        limits = app.limits
        if limits is not None and limits.max_publishes_per_second is not None:
            limit = limits.max_publishes_per_second
            wait_s = self._rates.take(app.id, "publishes", limit, count)
            if wait_s:
                raise self._refused("publishes", limit, wait_s)

    def read(self, app: App) -> None:
        """Count a request that asks. Raises ApiError (429)."""
        limits = app.limits
        if limits is not None and limits.max_reads_per_second is not None:
            limit = limits.max_reads_per_second
            wait_s = self._rates.take(app.id, "reads", limit)
            if wait_s:
                raise self._refused("reads", limit, wait_s)

    def _refused(self, kind: str, limit: int, wait_s: float) -> ApiError:
        whole_s = math.ceil(wait_s)
        headers = (
            ("Retry-After", str(whole_s)),
            ("X-RateLimit-Limit", str(limit)),
            ("X-RateLimit-Remaining", "0"),
            (
                "X-RateLimit-Reset",
                str(math.ceil(self._clock()) + whole_s),
            ),  # seconds since 1970, as Laravel's
        )
        return ApiError(text_response(429, _SENTENCES[kind] % limit, headers))
