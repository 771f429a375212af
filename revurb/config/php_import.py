"""Writes what `config/reverb.php` sets beyond the environment as the text of a `revurb.toml`.

Rule 1: what comes from an environment name that is also read here is left out, since it goes on coming from there; only
a fallback that is not the default here is written.
Rule 2: a secret that comes from the environment stays there (`secret_env`).
Rule 3: what is not understood is a comment with its line, never a guess. Where the default would be more open than the
file may be, as for the pages that may connect, nobody is let in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revurb.config.error import ConfigError
from revurb.config.option import UNSET
from revurb.config.php_array import PhpEnv, PhpSyntaxError, parse_php_array
from revurb.config.reverb_php import Lookup, PhpOption, ReverbPhp, php_option_value, read_reverb_php
from revurb.config.sources import read_sources

MAX_FILE_BYTES = 1 << 20
RATE_LIMIT = "rate_limit."
NO_PAGE = ("not-taken-over.invalid",)  # no host has such a name (RFC 2606)


@dataclass(frozen=True, slots=True)
class ImportedConfig:
    """`toml` is the text of the file; `notes` are what could not be taken over, a line each."""

    toml: str
    notes: tuple[str, ...]


def import_reverb_php(
    path: Path,
    *,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = None,
    cwd: Path | None = None,
) -> ImportedConfig:
    """The `revurb.toml` for the file at `path`, with the environment and the `.env` that it reads. Raises ConfigError
    if it cannot be read."""
    base = Path() if cwd is None else cwd
    sources = read_sources(
        flags={},
        environ=os.environ if environ is None else environ,
        toml_path=Path(os.devnull),
        env_file=env_file,
        cwd=base,
    )
    if sources.problems:
        raise ConfigError(sources.problems)
    found = load_reverb_php(base / path, sources.environment_text)
    notes = [*found.problems]
    server: dict[str, Any] = {}
    for option in found.server:
        _take(option, option.setting.key, option.setting.option.names, server, notes)
    tables = [_app_table(options, number, notes) for number, options in enumerate(found.apps)]
    if len(tables) == 1 and tables[0].keys() <= {"id"}:
        tables = []  # the environment has the whole app
    lines = [f"# From {path}, by revurb import. Names of the environment and of .env go before what is here."]
    lines += [f"# Not taken over: {_comment(note)}" for note in notes]
    return ImportedConfig("\n".join([*lines, *_tables(server), *_app_tables(tables)]) + "\n", tuple(notes))


def load_reverb_php(path: Path, lookup: Lookup) -> ReverbPhp:
    """The options of the file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise ConfigError([f"{path}: is larger than {MAX_FILE_BYTES} bytes"])
        return read_reverb_php(parse_php_array(text.decode("utf-8")), lookup)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8"]) from error
    except PhpSyntaxError as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _take(
    option: PhpOption, key: str, names: tuple[str, ...], table: dict[str, Any], notes: list[str]
) -> None:
    """Put the value into `table` under the key of the Setting, unless one of `names` gives it, or it is the default."""
    setting, node, value = option.setting, option.node, option.value
    if option.problem is not None:
        notes.append(f"{key} {option.problem}")
        return
    if isinstance(node, PhpEnv) and node.name in names:
        value = php_option_value(setting, node.fallback)
        if value is UNSET:
            return
    if value is not None and value != setting.default:
        table[setting.key] = value


def _app_table(options: dict[str, PhpOption], number: int, notes: list[str]) -> dict[str, Any]:
    """The `[[apps]]` table of one app."""
    table: dict[str, Any] = {}
    app_id = options.get("id")
    in_env = (
        app_id is not None
        and isinstance(app_id.node, PhpEnv)
        and app_id.node.name in app_id.setting.option.names
        and app_id.problem is None
    )
    if app_id is not None and app_id.problem is None:
        table["id"] = app_id.value
    else:
        notes.append(f"apps[{number}].id is not known")
    for key, option in options.items():
        if key == "id":
            continue
        names = option.setting.option.names if in_env else ()
        if key == "secret" and not in_env and isinstance(option.node, PhpEnv):
            table["secret_env"] = option.node.name
        else:
            name = f"apps.{table.get('id', number)}.{key}"
            _take(option, name, names, table, notes)
            if key == "allowed_origins" and option.problem is not None:
                table[key] = NO_PAGE  # the default would let in every page
                notes.append(f"{name} lets in no page until it is set")
    if not table.get(f"{RATE_LIMIT}enabled"):
        table = {key: value for key, value in table.items() if not key.startswith(RATE_LIMIT)}
    return table


def _tables(values: Mapping[str, Any]) -> list[str]:
    """The tables of the server, such as `[server]` with its keys below it."""
    lines: list[str] = []
    headings: dict[str, list[str]] = {}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        headings.setdefault(table, []).append(f"{name} = {_toml(value)}")
    for table, rows in headings.items():
        lines += ["", f"[{table}]", *rows]
    return lines


def _app_tables(tables: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for table in tables:
        lines += ["", "[[apps]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in table.items() if not key.startswith(RATE_LIMIT)]
        limit = {
            key.removeprefix(RATE_LIMIT): value for key, value in table.items() if key.startswith(RATE_LIMIT)
        }
        if limit:
            inner = ", ".join(f"{key} = {_toml(value)}" for key, value in limit.items())
            lines.append(f"rate_limit = {{ {inner} }}")
    return lines


def _toml(value: Any) -> str:
    """A value in TOML. Its basic strings are those of JSON, but that DEL must be escaped."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
