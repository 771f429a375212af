"""Requests to publish: what is answered without being read is what would have been answered, and the same event.

The input is a request in which `{md5}`, `{length}` and `{signature}` stand for what they are, so that whatever else is
changed about it stays signed.
"""

from __future__ import annotations

from tests.api.both_ways import BothWays, completed
from tests.pusher.room import an_app

APP = an_app()


def check(data: bytes) -> None:
    both = BothWays(APP)
    both.is_plain(data)
    both.is_plain(completed(data, APP))
