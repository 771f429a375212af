"""Declares the options of apps that are looked up: in a database, or by a class of the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated

from revurb.config.option import Option

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def table_name(text: str) -> str:
    """Returns `text`. Raises ValueError for what would have to be quoted."""
    if _TABLE.fullmatch(text) is None:
        raise ValueError(text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLookupConfig:
    """Where apps are looked up, and for how long what was found counts."""

    database: Annotated[
        str | None,
        Option(
            env="REVURB_APP_DATABASE",
            secret=True,
            allowed="postgresql+asyncpg://user:password@host/name, mysql+aiomysql://... or sqlite+aiosqlite:///path",
            doc="Database with the table of apps, instead of the configured ones; needs `pip install 'revurb[sql]'`. "
            "See [apps](apps.md).",
        ),
    ] = field(default=None, repr=False)
    table: Annotated[
        str,
        Option(
            env="REVURB_APP_DATABASE_TABLE",
            parse=table_name,
            allowed="letters, digits and _",
            doc="Its name: `revurb apps init` makes it, and soketi's is understood.",
        ),
    ] = "apps"
    cache_ttl_s: Annotated[
        float,
        Option(
            env="REVURB_APP_CACHE_TTL",
            minimum=0,
            doc="Seconds for which an app counts that a database, or an app provider that has to wait, has found; 0 "
            "asks for each connection and request. `revurb apps reload` ends it at once.",
        ),
    ] = 60.0
