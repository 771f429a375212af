"""Makes the first configuration of a project: a `revurb.toml` that has every option, or the lines of a Laravel `.env`.

The options, their sentences and defaults are those of the declarations. Each is a line that is commented out, so that
the file sets an app and nothing else, and what is taken out of its comment sets what was in force before.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterator, Sequence

from revurb.apps import App
from revurb.config.app_options import APP_SETTINGS
from revurb.config.config import SETTINGS
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.option import Setting
from revurb.config.webhook_options import WEBHOOK_SETTINGS

KEY_BYTES, SECRET_BYTES = 10, 20  # in hex as long as Pusher's
WIDTH = 100
_MARKDOWN_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def new_key() -> str:
    return os.urandom(KEY_BYTES).hex()


def new_secret() -> str:
    return os.urandom(SECRET_BYTES).hex()


def new_app() -> App:
    """An app that nobody else has. Its id is a number of six digits: Pusher's SDK for Python takes no other."""
    import secrets  # 0.1 MiB that a server with --dev would have, too

    return App(id=str(100_000 + secrets.randbelow(900_000)), key=new_key(), secret=new_secret())


def starter_toml(app: App) -> str:
    """A `revurb.toml` with this app, its secret included."""
    # With all of PHP's names, which are not for servers: those use `laravel_env`.
    from revurb.config.reference import TITLES

    sections: dict[str, list[Setting]] = {}
    for setting in SETTINGS:
        sections.setdefault(setting.key.rpartition(".")[0], []).append(setting)
    lines = [
        "# The configuration of Revurb: every option, commented out, with its default; ... is none. Stronger than",
        "# this file are .env, the environment and flags of `revurb serve`. It has a secret: keep it out of version",
        "# control.",
        "#",
        "#   revurb config check   whether it can be used        revurb config show   what is in force, and why",
        *_section("", sections.pop("")),
    ]
    for table, settings in sections.items():
        title = TITLES.get(table)
        lines += ["", *([f"# {title}."] if title else []), f"[{table}]", *_section(table, settings)]
    lines += ["", "# The apps: one table for each.", "[[apps]]"]
    for name, value in (("id", app.id), ("key", app.key), ("secret", app.secret)):
        lines.append(f"{name} = {json.dumps(value)}")
    lines += _section("", [setting for setting in APP_SETTINGS if not setting.required])
    lines += ["", "# Who is told what happens on channels: one table for each target.", "# [[apps.webhooks]]"]
    lines += _section("", WEBHOOK_SETTINGS)
    lines += ["", "# Channels whose events are kept for clients that come back: one table for each rule."]
    lines += ["# [[apps.history]]", *_section("", HISTORY_SETTINGS)]
    return "\n".join(lines) + "\n"


def laravel_env(app: App, host: str, port: int, *, tls: bool) -> str:
    """The lines of a Laravel `.env` for this app of a server at `host`, its secret included."""
    return "\n".join(
        (
            "BROADCAST_CONNECTION=reverb",
            f"REVERB_APP_ID={app.id}",
            f"REVERB_APP_KEY={app.key}",
            f"REVERB_APP_SECRET={app.secret}",
            f"REVERB_HOST={host}",
            f"REVERB_PORT={port}",
            f"REVERB_SCHEME={'https' if tls else 'http'}",
            'VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"',
            'VITE_REVERB_HOST="${REVERB_HOST}"',
            'VITE_REVERB_PORT="${REVERB_PORT}"',
            'VITE_REVERB_SCHEME="${REVERB_SCHEME}"',
        )
    )


def _section(table: str, settings: Sequence[Setting]) -> Iterator[str]:
    for setting in settings:
        doc = _MARKDOWN_LINK.sub(r"\1", setting.option.doc)
        name = f" Environment: {setting.option.names[0]}." if setting.option.names else ""
        yield ""
        for text in (doc, f"Allowed: {setting.allowed()}.{name}"):
            yield from textwrap.wrap(
                text.replace("`", ""),
                WIDTH,
                initial_indent="## ",
                subsequent_indent="## ",
                break_on_hyphens=False,
            )
        yield f"# {setting.key.removeprefix(f'{table}.')} = {_default(setting)}"


def _default(setting: Setting) -> str:
    """The default in TOML; where there is none, a blank that TOML does not take for a value."""
    if setting.required or setting.default is None:
        return "..."
    if setting.kind == "table":
        return "{}"
    value = setting.printable(setting.default)
    if isinstance(value, float):
        return f"{value:g}" if value % 1 else f"{value:.1f}"
    return json.dumps(value)
