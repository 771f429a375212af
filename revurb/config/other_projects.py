"""What is said to those who come with a project of Laravel Reverb or of Pusher's service: settings that it has, and
that are not read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from revurb.apps import App
from revurb.config.error import ConfigError
from revurb.config.sources import Sources

PHP_FILE = Path("config/reverb.php")  # beside .env
PUSHER_NAMES = ("PUSHER_APP_ID", "PUSHER_APP_KEY", "PUSHER_APP_SECRET")


def no_apps(sources: Sources, cwd: Path) -> str:
    """The problem that there is no app, with the ways to have one."""
    allowed = [
        "REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET",
        "[[apps]] tables in revurb.toml",
        "REVURB_APP_PROVIDER",
    ]
    php_file = _php_file(sources)
    if (cwd / php_file).is_file():
        allowed.append(f"revurb import {php_file}, which makes a revurb.toml")
    problem = (
        f"apps: not set; allowed: {', '.join(allowed)}, or revurb serve --dev for a ready-made app to try"
    )
    given = [name for name in PUSHER_NAMES if sources.environment_text(name)]
    if given:
        lines = " ".join(f'{name.replace("PUSHER", "REVERB")}="${{{name}}}"' for name in given)
        problem += f" (found {', '.join(given)}, which are for Pusher's service; into .env go {lines})"
    return problem


def php_warnings(
    sources: Sources,
    values: Mapping[str, Any],
    provenance: Mapping[str, str],
    apps: tuple[App, ...],
    cwd: Path,
) -> Iterator[str]:
    """Yields a warning if Laravel's configuration, beside `.env`, sets something else than is set here."""
    php_file = _php_file(sources)
    if not (cwd / php_file).is_file():
        return
    from revurb.config.php_import import load_reverb_php  # for this case only: 0.3 MiB

    try:
        found = load_reverb_php(cwd / php_file, sources.environment_text)
    except ConfigError as error:
        yield f"{error}; so what it sets is not known here"
        return
    differences = dict.fromkeys(found.differences(values, provenance, apps, sources.toml_name))
    if differences:
        yield (
            f"{php_file} is not read here, and sets otherwise: {'; '.join(differences)}. "
            f"`revurb import {php_file}` makes a revurb.toml of it"
        )


def _php_file(sources: Sources) -> Path:
    return Path(sources.dotenv_name).parent / PHP_FILE
