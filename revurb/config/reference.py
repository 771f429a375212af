"""Generates docs/configuration.md, the reference of all options, from their declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from revurb.config.app_options import APP_SETTINGS, RATE_LIMIT_ENABLED
from revurb.config.config import SETTINGS
from revurb.config.error import MASK
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.option import Setting
from revurb.config.reverb_php import APP_PATHS, SERVER_PATHS
from revurb.config.sources import BUILD_NAMES, CONFIG_NAME, IGNORED_NAMES
from revurb.config.webhook_options import WEBHOOK_SETTINGS

TITLES = {
    "server": "Where the server listens",
    "tls": "TLS",
    "limits": "Limits of the server",
    "compression": "Compression",
    "log": "Logging",
    "process": "Processes",
    "admin": "The admin listener",
    "metrics": "Metrics",
    "scaling": "Several nodes",
    "webhooks": "Sending webhooks",
    "app_provider": "Finding apps with your own code",
    "app_lookup": "Finding apps in a database",
    "hooks": "Hooks",
}

INTRODUCTION = f"""\
# Configuration

<!-- Printed by `revurb config docs`; edit the declarations in revurb/config/, not this file. -->

An option takes its value from the strongest source that has one:

1. a flag of `revurb serve`
2. the environment
3. `.env` in the working directory, or the file of `--env-file`
4. `revurb.toml` in the working directory, or the file of `--config` or `{CONFIG_NAME}`
5. its default

`revurb config show` prints every value with where it came from, `revurb config check` finds everything that
is wrong at once. Relative paths are below the working directory.

## Environment and `.env`

The `.env` of a Laravel project works as it is, and is read as Laravel reads it: quotes, comments, `export`,
values over several lines in double quotes, `${{NAME}}` in unquoted and double-quoted values. An unquoted
value ends at a space or at `#`: quote a secret that has one. Names that are not listed here are left alone.

- An empty value counts as not set, in the environment and in `.env`: the next source decides, at last the
  default. So do `empty` and `(empty)`.
- `null` and `(null)` take away the value of an option that may be without one (default *none* below);
  otherwise they count as not set.
- Switches are on with `true`, `(true)`, `1`, `yes`, `on` and off with `false`, `(false)`, `0`, `no`, `off`.
- A secret (an option that is shown as `{MASK}`) can be in a file: its name with `_FILE` behind it holds the path, as
  in `REVERB_APP_SECRET_FILE=/run/secrets/reverb` or `REDIS_PASSWORD_FILE`. Line ends behind it are dropped. It counts
  as much as the name itself in the same place; both at once are an error.
- A name that begins with `REVURB_` and is not listed here is an error, since it can only be misspelt. One
  that begins with `REVERB_` is a warning.
- Accepted and ignored are {", ".join(f"`{name}`" for name in IGNORED_NAMES)},
  the build's own {", ".join(f"`{name}`" for name in BUILD_NAMES)}, and the variables that Kubernetes
  sets for a Service (`REVERB_SERVICE_HOST`, `REVERB_PORT=tcp://...`).

## `revurb.toml`

The key `server.port` is `port` in the table `[server]`. An unknown key is an error.

```toml
[server]
port = 6001

[[apps]]
id = "chat"
key = "chat-key"
secret_env = "CHAT_SECRET"
allowed_origins = ["chat.example.com"]
rate_limit = {{ max_attempts = 100, decay = 10 }}
```
"""

APPS = """\
## Apps

At least one app is needed, unless an app provider finds them. One app can be given by the names below, any
number by `[[apps]]` tables in `revurb.toml`. If the environment's app has the `id` of a table, it overrides
the table option by option; otherwise it is one more app. Every app has an id, a key and a secret; no two apps
have the same id or the same key.

In a table, the secret can be given as `secret`, as `secret_env` (the name of a variable of the environment or
`.env` that holds it), or as `secret_file` (the path of a file that holds it, whose last line end is dropped).

In a program the same options are fields of `revurb.App`, `revurb.RateLimit` and `revurb.AppLimits`, with units in
their names: see [Python](python.md).
"""

WEBHOOKS = """\
## Webhooks of an app

An app has a target for each `[[apps.webhooks]]` table below its `[[apps]]` table, and one for `REVURB_APP_WEBHOOK_URL`
if it is the app of the environment. What is sent, and when: see [webhooks](webhooks.md).

```toml
[[apps.webhooks]]
url = "https://example.com/webhooks"
events = ["channel_occupied", "channel_vacated"]
channels = ["presence-*"]
headers = { Authorization = "Bearer ..." }
```

In a program a target is a `revurb.WebhookTarget`, and `App(webhooks=...)` has them.
"""

HISTORY = """\
## History of an app

Channels of which events are kept, for clients that come back: one rule for each `[[apps.history]]` table below the
app's `[[apps]]` table, and one for `REVURB_APP_HISTORY_CHANNELS` if it is the app of the environment. The first rule
that names a channel counts. What clients get of that: see [resume](resume.md).

```toml
[[apps.history]]
channels = ["room-*", "private-orders-*"]
size = 500
ttl = 600
```

In a program a rule is a `revurb.HistoryRule`, and `App(history=...)` has them.
"""

LARAVEL = """\
## From Laravel's `config/reverb.php`

That file is PHP, and not run. If it is beside `.env` and sets something else than is set here, the start says so.
`revurb import config/reverb.php` makes a `revurb.toml` of it: what comes from the environment goes on coming from
there; literals, arrays, `env()`, casts and `explode()` are understood, and what is not becomes a comment with its line.
Where the allowed origins of an app are not understood, no page may connect until you have set them.
`REVERB_APP_*` names are of all apps in PHP, and of the app with `REVERB_APP_ID` here; the import writes them out for
the others.
"""


def reference() -> str:
    """Returns the whole document, which ends in a line end."""
    sections: dict[str, list[Setting]] = {}
    for setting in SETTINGS:
        sections.setdefault(setting.key.partition(".")[0], []).append(setting)
    parts = [INTRODUCTION]
    parts += [f"## {TITLES[name]}\n\n{_table(settings)}" for name, settings in sections.items()]
    parts.append(f"{APPS}\n{_table(APP_SETTINGS, python=True)}")
    parts.append(f"{WEBHOOKS}\n{_table(WEBHOOK_SETTINGS)}")
    parts.append(f"{HISTORY}\n{_table(HISTORY_SETTINGS)}")
    parts.append(f"{LARAVEL}\n{_php_table()}")
    return "\n".join(parts)


def _php_table() -> str:
    lines = [_line(["in `config/reverb.php`", "Key"]), _line(["---"] * 2)]
    for prefix, paths, below in (("servers.reverb", SERVER_PATHS, ""), ("apps.apps[]", APP_PATHS, "apps[].")):
        lines += [_line([f"`{prefix}.{path}`", f"`{below}{key}`"]) for path, key in paths.items()]
    return "\n".join(lines) + "\n"


def _table(settings: Sequence[Setting], *, python: bool = False) -> str:
    """The table of `settings`; with `python`, it has the field of `App` as well."""
    headings = ["Key", *(["In Python"] if python else []), "Set by", "Default", "Allowed", "What it is"]
    lines = [_line(headings), _line(["---"] * len(headings))]
    for setting in settings:
        lines.append(
            _line(
                [
                    f"`{setting.key}`",
                    *([_field(setting)] if python else []),
                    "<br>".join(_names(setting)),
                    _default(setting),
                    setting.allowed(),
                    setting.option.doc + (f" Shown as `{MASK}`." if setting.option.secret else ""),
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _field(setting: Setting) -> str:
    """Where a program sets the option: `App(ping_interval_s=...)`, or in its RateLimit."""
    table, _, name = setting.attribute.rpartition(".")
    if setting.key == RATE_LIMIT_ENABLED:
        return "`rate_limit=RateLimit(...)`"
    owner = {"rate_limit": "RateLimit", "limits": "AppLimits"}.get(table)
    return f"`{name}`" if owner is None else f"`{owner}({name}=...)`"


def _names(setting: Setting) -> Iterator[str]:
    for name in (*setting.option.names, setting.option.flag):
        if name is not None:
            yield f"`{name}`"


def _default(setting: Setting) -> str:
    if setting.required:
        return "*required*"
    value = None if setting.kind == "table" else setting.printable(setting.default)
    if value is None:
        return "*none*"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        value = ", ".join(value)
    if isinstance(value, float):
        value = f"{value:g}"
    return f"`{value}`" if value != "" else "*empty*"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
