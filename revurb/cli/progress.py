"""Says on a terminal that something is going on, while it takes longer than a glance. Elsewhere nothing is written."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show `text` with a spinner on standard error while the block runs; it is gone afterwards."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # takes a tenth of a second
    from rich.text import Text

    with Console(stderr=True).status(Text(text)):
        yield
