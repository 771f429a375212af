"""What is wrong with a configuration: every problem at once, each on a line of its own.

Rule: a line says the key, what was found, where it came from and what is allowed. A secret is never in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

MASK = "********"


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has one line for each thing to mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint that ends a line about an unknown name: `; did you mean "server.port"?`, or nothing.

    Prefixes say little: every name has REVERB_ or REVURB_, and `port` is most likely `server.port`. So names
    are compared first whole, but closely, and then by what follows the prefix or the last dot.
    """
    names = sorted(known, key=lambda known_name: (known_name.count("."), known_name))
    found = get_close_matches(name, names, n=1, cutoff=0.9)
    if not found:
        by_stem: dict[str, str] = {}
        for other in names:
            by_stem.setdefault(_stem(other), other)
        found = [by_stem[stem] for stem in get_close_matches(_stem(name), by_stem, n=1, cutoff=0.7)]
    return f'; did you mean "{found[0]}"?' if found else ""


def _stem(name: str) -> str:
    return re.sub(r"^(REVERB|REVURB)_|^.*\.", "", name)
