"""The sources of values, the strongest first: flags, environment, `.env`, `revurb.toml`.

Plan: `read_sources` reads the two files and collects the problems with them; `Sources.find` yields the values that the
sources have for a Setting; `Sources.resolve` returns the first of them that is set. `Sources.check_names` finds
unknown environment names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revurb.config.dotenv import Dotenv, parse_dotenv
from revurb.config.error import MASK, RejectedValue, suggestion
from revurb.config.option import FILE_SUFFIX, UNSET, RefusedValue, Setting

CONFIG_NAME = "REVURB_CONFIG"
# Names of Reverb that have no meaning here: there is one kind of server, and no Pulse or Telescope.
IGNORED_NAMES = ("REVERB_SERVER", "REVERB_PULSE_INGEST_INTERVAL", "REVERB_TELESCOPE_INGEST_INTERVAL")
# Read by setup.py, and often still set in the environment of a developer.
BUILD_NAMES = ("REVURB_DEBUG", "REVURB_ANNOTATE", "REVURB_SANITIZE")

# Kubernetes gives a pod variables for every Service of its namespace. A Service called `reverb`, `revurb` or
# `redis` sets REVERB_PORT=tcp://10.0.0.1:8080, or a REVURB_SERVICE_HOST that is not a misspelt option.
SERVICE_LINK = re.compile(
    r"_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)\Z|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?\Z"
)
SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class FoundValue:
    """The unconverted value that one source has for a Setting. `origin` is the source in words.

    With `is_text` it is converted as Laravel does; without, it has a type already.
    """

    raw: object
    origin: str
    is_text: bool

    def read(self, setting: Setting) -> Any:
        """Returns the converted value, or UNSET. Raises ValueError if `setting` does not allow it."""
        return setting.read_text(str(self.raw)) if self.is_text else setting.read_native(self.raw)


@dataclass(slots=True)
class Sources:
    """The contents of all sources. Methods add to `problems` and `warnings`, and to `rejected` by key."""

    flags: Mapping[str, object]
    environ: Mapping[str, str]
    dotenv: Dotenv
    dotenv_name: str
    toml: Mapping[str, Any]
    toml_name: str
    cwd: Path
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rejected: dict[str, RejectedValue] = field(default_factory=dict)

    def environment_text(self, name: str) -> str | None:
        """The text of a name in the environment or else in `.env`, as `env()` of Laravel finds it; None without one."""
        return self.environ.get(name, self.dotenv.values.get(name))

    def find(self, setting: Setting) -> Iterator[FoundValue]:
        """Yields the values for an option of the server, the strongest source first."""
        raw = self.flags.get(setting.key)
        if raw is not None:
            yield FoundValue(raw, setting.option.flag or f"flag {setting.key}", isinstance(raw, str))
        yield from self.find_by_name(setting.option.names, is_secret=setting.option.secret)
        yield from self.find_in_table(self.toml, setting)

    def find_in_table(self, table: Mapping[str, Any], setting: Setting) -> Iterator[FoundValue]:
        """Yields the value in a TOML table, or in a table in it if the key has dots."""
        value: Any = table
        for part in setting.key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            # Permissions in quotes ("0660") read better than TOML's 0o660; both are allowed.
            yield FoundValue(value, self.toml_name, setting.option.octal and isinstance(value, str))

    def find_by_name(self, names: Iterable[str], *, is_secret: bool = False) -> Iterator[FoundValue]:
        """Yields the values that the environment and `.env` have under any of `names`; those of a secret also in files
        that these names with FILE_SUFFIX hold the paths of."""
        names = tuple(names)
        none_broken: Mapping[str, str] = {}
        given = (
            (self.environ, none_broken, "environment"),
            (self.dotenv.values, self.dotenv.broken, self.dotenv_name),
        )
        if is_secret:
            for values, _, origin in given:
                self._check_once_only(names, values, origin)
        for values, broken, origin in given:
            for name in names:
                if name in values:
                    yield FoundValue(values[name], f"{origin} ({name})", True)
                elif name in broken:
                    self.problems.append(f"{name}: {origin}, {broken[name]}")
            for name in names if is_secret else ():
                yield from self._read_secret(name + FILE_SUFFIX, values, origin)

    def _check_once_only(self, names: Iterable[str], values: Mapping[str, str], origin: str) -> None:
        """Adds a problem for a secret that one source has twice, as it is and in a file."""
        for name in names:
            if values.get(name, "").strip() and values.get(name + FILE_SUFFIX, "").strip():
                self.problems.append(
                    f"{name}: found it and {name}{FILE_SUFFIX} in {origin}; allowed: one of them"
                )

    def _read_secret(self, name: str, values: Mapping[str, str], origin: str) -> Iterator[FoundValue]:
        path = values.get(name, "").strip()
        if not path:
            return
        try:
            text = read_secret_file(self.cwd / path)
        except ValueError as error:
            # It may be the secret itself, put here by mistake.
            shown = repr(path) if path.startswith(("/", ".")) else MASK
            self.problems.append(
                f"{name}: found {shown} in {origin}; allowed: a file that can be read ({error})"
            )
        else:
            yield FoundValue(text, f"{origin} ({name})", False)

    def resolve(
        self, setting: Setting, found_values: Iterable[FoundValue], key: str | None = None
    ) -> tuple[Any, str]:
        """Returns the first value that is set and its origin, or the default and the text `default`.

        An invalid value is a problem, and the default is returned so that checking continues. Problems have `key`,
        by default that of the Setting.
        """
        for found in found_values:
            try:
                value = found.read(setting)
            except ValueError as error:
                raw = setting.shown(found.raw)
                self.rejected[key or setting.key] = RejectedValue(raw, found.origin)
                reason = f" ({error})" if isinstance(error, RefusedValue) else ""
                self.problems.append(
                    f"{key or setting.key}: found {raw} in {found.origin}; allowed: {setting.allowed()}{reason}"
                )
                break
            if value is not UNSET:
                return value, found.origin
        return setting.default, "default"

    def check_names(self, known: Iterable[str]) -> None:
        """Adds a problem for each unknown REVURB_ name and a warning for each unknown REVERB_ name."""
        known = frozenset(known) | {CONFIG_NAME}
        skipped = frozenset(IGNORED_NAMES + BUILD_NAMES)
        if CONFIG_NAME in self.dotenv.broken:
            self.problems.append(f"{CONFIG_NAME}: {self.dotenv_name}, {self.dotenv.broken[CONFIG_NAME]}")
        given = [(name, "environment") for name in sorted(self.environ)]
        given += [(name, self.dotenv_name) for name in sorted({*self.dotenv.values, *self.dotenv.broken})]
        for name, origin in given:
            if name in known or name in skipped:
                continue
            if name.startswith("REVURB_"):
                self.problems.append(f"{name}: unknown name, found in {origin}{suggestion(name, known)}")
            elif name.startswith("REVERB_"):
                self.warnings.append(f"{name}: unknown name in {origin} is ignored{suggestion(name, known)}")


def read_secret_file(path: Path) -> str:
    """Returns the text of a file without the line ends behind it, which editors add. Raises ValueError with the
    reason."""
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (OSError, ValueError) as error:
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def read_sources(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    toml_path: Path | None,
    env_file: Path | None,
    cwd: Path,
) -> Sources:
    """Reads both files. Relative paths are below `cwd`. A file that is named and does not exist is a problem."""
    problems: list[str] = []
    environ = {
        name: value
        for name, value in environ.items()
        if not SERVICE_LINK.search(name) and not (name.endswith("_PORT") and SERVICE_URL.match(value))
    }

    env_name = ".env" if env_file is None else str(env_file)
    env_text = _read(cwd / env_name, env_name, env_file is not None, "--env-file", problems)
    dotenv = parse_dotenv(env_text, environ)

    named_by = "--config"
    if toml_path is None:
        for origin, named in (
            (f"environment ({CONFIG_NAME})", environ.get(CONFIG_NAME)),
            (f"{env_name} ({CONFIG_NAME})", dotenv.values.get(CONFIG_NAME)),
        ):
            if named and toml_path is None:
                toml_path, named_by = Path(named), origin
    toml_name = "revurb.toml" if toml_path is None else str(toml_path)
    toml_text = _read(cwd / toml_name, toml_name, toml_path is not None, named_by, problems)
    toml = _parse_toml(toml_text, toml_name, problems) if toml_text else {}
    return Sources(flags, environ, dotenv, env_name, toml, toml_name, cwd, problems)


def _parse_toml(text: str, name: str, problems: list[str]) -> dict[str, Any]:
    import tomllib  # 0.1 MiB that a server with an environment alone would have, too

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{name}: not valid TOML: {error}")
        return {}


def _read(path: Path, name: str, was_named: bool, named_by: str, problems: list[str]) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        if was_named:
            problems.append(f"{named_by}: there is no file {name}")
    except OSError as error:
        problems.append(f"{name}: cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{name}: is not UTF-8")
    return ""
