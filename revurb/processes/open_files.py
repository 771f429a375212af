"""Limits of the operating system."""

from __future__ import annotations

import resource


def raise_open_files_limit() -> int:
    """Allow as many open files as the system lets us: each connection is one. Returns the limit now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
