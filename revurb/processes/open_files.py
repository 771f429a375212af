"""The limit of open files. Each connection is one."""

from __future__ import annotations

import resource


def raise_open_files_limit() -> int:
    """Raise the soft limit of this process to its hard limit. Returns the limit that is in force then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
