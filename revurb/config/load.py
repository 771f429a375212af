"""Loads the configuration from all sources: `load`.

Plan: read the files, check for unknown names and keys, resolve each Setting from the strongest source that has a value,
read the apps, check what concerns several options. All problems are raised together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from revurb.config.admin_options import admin_problems
from revurb.config.app_options import APP_SETTINGS
from revurb.config.app_reader import names_an_app, read_apps, secret_names
from revurb.config.config import SETTINGS, Config
from revurb.config.error import MASK, ConfigError, RejectedValue, suggestion
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.limits_profile import PROFILE_KEY, profile_origin, server_values
from revurb.config.local_certificate import find_local_certificate
from revurb.config.option import Setting, build
from revurb.config.other_projects import no_apps, php_warnings
from revurb.config.redis_address import host_and_port, redis_address
from revurb.config.scaling import ScalingConfig
from revurb.config.sources import Sources, read_sources
from revurb.config.webhook_options import WEBHOOK_SETTINGS
from revurb.config.webhook_reader import check_targets

KEYS = frozenset(setting.key for setting in SETTINGS)
TABLES = frozenset(
    ".".join(parts[:depth]) for parts in (key.split(".") for key in KEYS) for depth in range(1, len(parts))
)


class PartialConfigError(ConfigError):
    """A configuration that cannot be used as a whole. `usable` has the defaults where something is wrong, `rejected`
    has what was found there, by key."""

    def __init__(
        self,
        problems: Iterable[str],
        usable: Config,
        rejected: Mapping[str, RejectedValue],
        *,
        no_apps: bool,
    ) -> None:
        super().__init__(dict.fromkeys(problems), usable.log.format, no_apps=no_apps)
        self.usable = usable
        self.rejected = rejected


def load(
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    toml_path: Path | None = None,
    env_file: Path | None = None,
    cwd: Path | None = None,
) -> Config:
    """Returns the configuration of a server. Raises ConfigError with all problems, KeyError for a flag without option.

    `flags` has dotted keys (`{"server.port": 9000}`); a value is a text or has its type, and None is ignored.
    `environ` is `os.environ` by default. `toml_path` and `env_file` must exist if they are given; by default,
    `revurb.toml` (or the file that `REVURB_CONFIG` names) and `.env` are read if they exist. All relative paths are
    below `cwd`, by default the working directory.
    """
    base = Path() if cwd is None else cwd
    flags = flags or {}
    if unknown := sorted(set(flags) - KEYS):
        raise KeyError(f"no such option: {', '.join(unknown)}")
    sources = read_sources(
        flags=flags,
        environ=os.environ if environ is None else environ,
        toml_path=toml_path,
        env_file=env_file,
        cwd=base,
    )
    options = [setting.option for setting in (*SETTINGS, *APP_SETTINGS, *WEBHOOK_SETTINGS, *HISTORY_SETTINGS)]
    names = [name for option in options for name in (*option.names, *option.file_names)]
    sources.check_names([*names, *secret_names(sources)])
    _check_keys(sources, sources.toml)

    values: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    for setting in SETTINGS:
        known_problems = len(sources.problems)
        values[setting.key], provenance[setting.key] = sources.resolve(setting, sources.find(setting))
        if _is_laravels_alone(setting, values):
            del sources.problems[known_problems:]
    _use_local_certificate(sources, values, provenance)
    profile = values[PROFILE_KEY]
    for key, value in tuple(server_values(profile, provenance)):
        values[key], provenance[key] = value, profile_origin(profile, provenance)
    apps = read_apps(sources, base, provenance, profile)
    config = build(Config, values)
    if config.looks_up_apps and apps:
        finder = (
            "app_lookup.database: the database has"
            if config.app_provider is None
            else f"app_provider: {config.app_provider} finds"
        )
        sources.warnings.append(f"{finder} the apps; those configured ({len(apps)}) are not used")
    sources.problems += _cross_checks(config, provenance, base)
    sources.problems += check_targets(apps, provenance, allow_private=config.webhooks.allow_private)
    sources.warnings += php_warnings(sources, values, provenance, apps, base)
    has_no_apps = not apps and not config.looks_up_apps and not sources.problems
    if has_no_apps:
        sources.problems.append(no_apps(sources, base))
    if sources.problems:
        usable = replace(config, apps=apps, provenance=MappingProxyType(provenance))
        is_without = not config.looks_up_apps and not names_an_app(sources)
        raise PartialConfigError(sources.problems, usable, sources.rejected, no_apps=is_without)
    paths = {
        setting.key: str(base / values[setting.key])
        for setting in SETTINGS
        if setting.option.is_path and values[setting.key] is not None
    }
    return replace(
        build(Config, values | paths),
        apps=apps,
        provenance=MappingProxyType(provenance),
        warnings=tuple(sources.warnings),
    )


def _is_laravels_alone(setting: Setting, values: Mapping[str, Any]) -> bool:
    """Whether the option is one of the Laravel application's Redis, which this server does not use: scaling is off, and
    what is wrong with it is none of our business."""
    return (setting.option.env or "").startswith("REDIS_") and not values["scaling.enabled"]


def _use_local_certificate(sources: Sources, values: dict[str, Any], provenance: dict[str, str]) -> None:
    """Serves TLS with the certificate of Herd or Valet for the public host name, where none is configured."""
    hostname, home = values["server.hostname"], sources.environ.get("HOME")
    if hostname is None or not home or values["tls.cert"] is not None or values["tls.key"] is not None:
        return
    if found := find_local_certificate(hostname, Path(home)):
        for key, path in zip(("tls.cert", "tls.key"), found, strict=True):
            values[key], provenance[key] = path, f"Herd or Valet, for {hostname}"


def _check_keys(sources: Sources, table: Mapping[str, Any], prefix: str = "") -> None:
    """Adds a problem for each unknown key of `revurb.toml`, and for each value where a table must be."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if key in KEYS or key == "apps":
            continue
        if key not in TABLES:
            hint = suggestion(key, KEYS | TABLES | {"apps"})
            sources.problems.append(f"{key}: unknown key, found in {sources.toml_name}{hint}")
        elif isinstance(value, dict):
            _check_keys(sources, value, f"{key}.")
        else:
            sources.problems.append(f"{key}: found no table in {sources.toml_name}; allowed: a table")


def _cross_checks(config: Config, provenance: Mapping[str, str], cwd: Path) -> Iterator[str]:
    """Yields the problems that concern several options, and files that cannot be read."""
    tls = config.tls
    for key, path, other, other_path in (
        ("tls.cert", tls.cert, "tls.key", tls.key),
        ("tls.key", tls.key, "tls.cert", tls.cert),
    ):
        if path is None:
            continue
        if other_path is None:
            yield f"{other}: not set, but found {key} in {provenance[key]}; allowed: both or none"
        if reason := _read_error(cwd / path):
            yield f"{key}: found {path!r} in {provenance[key]}; allowed: a file that can be read ({reason})"
    if config.server.proxy_protocol and not config.server.trusted_proxies:
        yield (
            f"server.trusted_proxies: not set, but found true for server.proxy_protocol in "
            f"{provenance['server.proxy_protocol']}; allowed: the addresses of the proxies, since others send no header"
        )
    yield from admin_problems(config.admin, provenance)
    if config.app_provider is not None and config.app_lookup.database is not None:
        yield (
            f"app_lookup.database: found in {provenance['app_lookup.database']}, but app_provider in "
            f"{provenance['app_provider']}; allowed: one of them"
        )
    process = config.process
    if process.watchdog_kill_s is not None and process.watchdog_kill_s <= process.watchdog_warn_s:
        yield (
            f"process.watchdog_kill_s: found {process.watchdog_kill_s:g} in {provenance['process.watchdog_kill_s']}; "
            f"allowed: more than process.watchdog_warn_s ({process.watchdog_warn_s:g})"
        )
    if config.scaling.protocol == "reverb" and config.scaling.redis.cluster:
        yield (
            f"scaling.protocol: found 'reverb' in {provenance['scaling.protocol']} with scaling.redis.cluster; "
            "allowed: auto or revurb, since PHP Reverb does not speak Redis Cluster"
        )
    letters = config.webhooks.dead_letters
    if letters is not None and not (cwd / letters).parent.is_dir():
        key = "webhooks.dead_letters"
        yield f"{key}: found {letters!r} in {provenance[key]}; allowed: a file in a folder that exists"
    yield from _redis_checks(config.scaling, provenance, cwd)


def _redis_checks(scaling: ScalingConfig, provenance: Mapping[str, str], cwd: Path) -> Iterator[str]:
    redis = scaling.redis
    if scaling.enabled and redis.factory is None:
        key = "scaling.redis.host" if redis.url is None else "scaling.redis.url"
        try:
            if redis_address(redis).path is not None and redis.cluster:
                yield (
                    f"scaling.redis.cluster: found true in {provenance['scaling.redis.cluster']}, but {key} in "
                    f"{provenance[key]} is a Unix socket; allowed: host and port of a server of the Cluster"
                )
        except ValueError as error:
            is_public = redis.url is None and "@" not in redis.host  # as in tls://user:password@host
            found = repr(redis.host) if is_public else MASK
            yield (
                f"{key}: found {found} in {provenance[key]}, but {error}; "
                "allowed: redis://user:password@host:port/db or such"
            )
    for sentinel in redis.sentinels or ():
        try:
            host_and_port(sentinel, 0)
        except ValueError:
            key = "scaling.redis.sentinels"
            yield f"{key}: found {sentinel!r} in {provenance[key]}; allowed: host, host:port or [address]:port"
    for name in ("tls_ca", "tls_cert", "tls_key"):
        path = getattr(redis, name)
        if path is not None and (reason := _read_error(cwd / path)):
            key = f"scaling.redis.{name}"
            yield f"{key}: found {path!r} in {provenance[key]}; allowed: a file that can be read ({reason})"
    if (redis.tls_cert is None) != (redis.tls_key is None):
        yield "scaling.redis.tls_cert, scaling.redis.tls_key: found one; allowed: both or none"


def _read_error(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return error.strerror
