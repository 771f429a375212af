"""JSON that is given on the command line."""

from __future__ import annotations

import json
from typing import Any

from revurb.cli.endings import UnusableCommandLine

SHOWN = 200  # characters of what was found


def json_argument(name: str, text: str) -> Any:
    """The value of `text`. Exits with 2 if it is no JSON, and names the option or argument."""
    try:
        return json.loads(text)
    except ValueError as error:
        quotes = (
            "; the shell has taken quotes away: put '...' around it"
            if '"' not in text and ":" in text
            else ""
        )
        found = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        reason = str(error)[:SHOWN]
        raise UnusableCommandLine(f"{name}: found {found!r}; allowed: JSON ({reason}){quotes}") from None
    except RecursionError:
        raise UnusableCommandLine(f"{name}: allowed: JSON; it is too deep") from None
