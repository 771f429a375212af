"""Renews the certificate of a node when its files change, and warns before it ends.

The files are looked at every CHECK_S seconds, and read when they have not changed for so long: certificate and key are
seldom written in one moment.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime

from revurb.transport.tls import ServerTls, TlsError

_log = logging.getLogger(__name__)

CHECK_S = 5.0
WARN_BEFORE_S = 14 * 86_400.0
WARN_EVERY_S = 86_400.0


class CertificateWatch:
    """Watches the files of `tls` while `check` is called now and then. `warns` is whether it tells of the end: one
    process of a server does."""

    def __init__(self, tls: ServerTls, *, warns: bool = True) -> None:
        self._tls = tls
        self._warns = warns
        self._next_check = self._next_warning = 0.0
        self._seen = tls.changed_files()
        self._renewing: asyncio.Task[None] | None = None

    def check(self, now: float) -> None:
        """`now` is the loop's time in seconds."""
        if now < self._next_check:
            return
        self._next_check = now + CHECK_S
        self._tls.renew_ticket_keys()
        if self._warns and now >= self._next_warning:
            self._warn(now)
        changed, before = self._tls.changed_files(), self._seen
        self._seen = changed
        is_busy = self._renewing is not None and not self._renewing.done()
        if changed is not None and changed == before and not is_busy:
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def reload(self) -> None:
        """Read the files now. Raises TlsError, and the old certificate stays in use, if they cannot be used."""
        await self._tls.reload()
        self._next_warning = 0.0

    def stop(self) -> None:
        """Renew nothing any more."""
        if self._renewing is not None:
            self._renewing.cancel()

    async def _renew(self) -> None:
        try:
            await self.reload()
        except TlsError as error:
            _log.error(
                "the TLS certificate has changed and cannot be used, the old one stays in use",
                extra={"error": str(error)},
            )
        else:
            _log.info("renewed the TLS certificate, whose file has changed", extra={"cert": self._tls.cert})

    def _warn(self, now: float) -> None:
        left_s = seconds_left(self._tls)
        if left_s is None or left_s >= WARN_BEFORE_S:
            return
        self._next_warning = now + WARN_EVERY_S
        if left_s <= 0:
            _log.error("the TLS certificate has ended: clients refuse it", extra={"cert": self._tls.cert})
        else:
            _log.warning(
                "the TLS certificate ends soon",
                extra={
                    "cert": self._tls.cert,
                    "ends": shown_end(self._tls),
                    "days_left": int(left_s // 86_400),
                },
            )


def seconds_left(tls: ServerTls) -> float | None:
    """Until the certificate ends; None if that is not known."""
    return None if tls.ends_at is None else tls.ends_at - time.time()


def shown_end(tls: ServerTls) -> str:
    """Such as "2027-01-31 12:00 UTC"."""
    return datetime.fromtimestamp(tls.ends_at or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")
