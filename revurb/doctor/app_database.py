"""Check of the database of apps: whether it can be read, and whether each row is an app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from revurb.apps import AppProviderError
from revurb.config import Config
from revurb.doctor.finding import Finding

TIMEOUT_S = 5.0
MAX_NAMED = 5
_SUBJECT = "app database"


async def check_app_database(config: Config) -> list[Finding]:
    """One finding for the database, and one for each of the first rows that are no apps; none where there is no
    database."""
    url, table = config.app_lookup.database, config.app_lookup.table
    if url is None:
        return []
    from revurb.lookup.one_question import ask_once
    from revurb.lookup.sql_apps import SqlApps, shown_database  # imports much

    shown = shown_database(url)
    try:
        rows = await ask_once(url, table, SqlApps.read_rows, TIMEOUT_S)
    except AppProviderError as error:
        return [
            Finding("wrong", _SUBJECT, str(error), "pip install 'revurb[sql]'; docs/apps.md has the URLs.")
        ]
    except Exception as error:  # of a driver, which may raise anything of its own
        reason = (
            f"{type(error).__name__}: {str(error).splitlines()[0]}" if str(error) else type(error).__name__
        )
        advice = "Is it running and the URL right? revurb apps init makes the table."
        return [Finding("wrong", _SUBJECT, f"{shown}, table {table}: {reason}", advice)]
    return [_summary(shown, table, rows), *_unusable(rows), *_ambiguous(rows)]


def _summary(shown: str, table: str, rows: list[Mapping[str, Any]]) -> Finding:
    if not rows:
        advice = "revurb apps add ID adds one."
        return Finding("warning", _SUBJECT, f"{shown}: no apps in the table {table}", advice)
    observation = f"{shown}: {len(rows)} apps in the table {table}"
    if missing := [name for name in ("previous_secret", "options") if name not in rows[0]]:
        advice = "revurb apps init adds them, for rotating secrets and for options that soketi has not."
        return Finding("warning", _SUBJECT, f"{observation}, without {' and '.join(missing)}", advice)
    return Finding("ok", _SUBJECT, observation)


def _unusable(rows: list[Mapping[str, Any]]) -> list[Finding]:
    from revurb.lookup.app_row import app_of_row

    findings: list[Finding] = []
    for row in rows:
        try:
            app_of_row(row)
        except AppProviderError as error:
            findings.append(
                Finding("wrong", _SUBJECT, str(error), "Nobody can use this app until it is mended.")
            )
        if len(findings) == MAX_NAMED:
            break
    return findings


def _ambiguous(rows: list[Mapping[str, Any]]) -> list[Finding]:
    """soketi's table allows several apps with one key."""
    counts = Counter(str(row.get("key")) for row in rows)
    advice = "Nobody can connect with it until each has its own."
    several = [(key, count) for key, count in counts.items() if count > 1][:MAX_NAMED]
    return [
        Finding("wrong", _SUBJECT, f"{count} apps have the key {key!r}", advice) for key, count in several
    ]
