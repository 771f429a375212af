"""The error of a configuration that cannot be used: all problems at once, one a line.

Rule: a line has the key, the value found, its source and what is allowed. It never has a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MASK = "********"


@dataclass(frozen=True, slots=True)
class RejectedValue:
    """A value that is not allowed, as it may be shown, and where it was found."""

    shown: str
    origin: str


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has a line for each problem; `log_format` is how the operator wants
    lines, as far as that could be read. `no_apps` is whether no app is named anywhere."""

    def __init__(self, problems: Iterable[str], log_format: str = "plain", *, no_apps: bool = False) -> None:
        self.problems = tuple(problems)
        self.log_format = log_format
        self.no_apps = no_apps
        super().__init__("\n".join(self.problems))


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns the end of a problem with an unknown name: `; did you mean "server.port"?`, or an empty text.

    Prefixes hardly distinguish names: all begin with REVERB_ or REVURB_, and "port" most likely means "server.port".
    So whole names are compared first, with a high cutoff, and then what follows the prefix or the last dot.
    """
    from difflib import get_close_matches  # 0.2 MiB that every process would have

    names = sorted(known, key=_likelihood)
    found = get_close_matches(name, names, n=1, cutoff=0.9)
    if not found:
        by_stem: dict[str, str] = {}
        for other in names:
            by_stem.setdefault(_stem(other), other)
        found = [by_stem[stem] for stem in get_close_matches(_stem(name), by_stem, n=1, cutoff=0.7)]
    return f'; did you mean "{found[0]}"?' if found else ""


def _likelihood(name: str) -> tuple[int, bool, str]:
    """By which names are sorted, the most likely first."""
    return name.count("."), not name.startswith("server."), name


def _stem(name: str) -> str:
    return re.sub(r"^(REVERB|REVURB)_|^.*\.", "", name)
