"""Laravel's `config/reverb.php` as options of Revurb, and what it sets that is otherwise here.

PHP nodes of Reverb take their settings from that file, which takes most of them from the environment: then both servers
agree. Where it has a value of its own (allowed origins, a second app, a port), only the file knows it. `ReverbPhp`
finds those; revurb/config/php_import.py writes them into a `revurb.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revurb.apps import App
from revurb.config.app_options import APP_SETTINGS, RATE_LIMIT_ENABLED, values_of
from revurb.config.config import SETTINGS
from revurb.config.error import MASK
from revurb.config.limits_profile import PROFILE_KEY
from revurb.config.option import UNSET, RefusedValue, Setting
from revurb.config.php_array import PhpArray, PhpNode, PhpOther, php_value

# Path below the server's array, or below the app's -> key of ours.
SERVER_PATHS: Mapping[str, str] = {
    "host": "server.host",
    "port": "server.port",
    "path": "server.path",
    "hostname": "server.hostname",
    "options.tls.local_cert": "tls.cert",
    "options.tls.local_pk": "tls.key",
    "options.tls.passphrase": "tls.key_password",
    "max_request_size": "limits.max_request_size_bytes",
    "scaling.enabled": "scaling.enabled",
    "scaling.channel": "scaling.channel",
    "scaling.server.url": "scaling.redis.url",
    "scaling.server.scheme": "scaling.redis.scheme",
    "scaling.server.host": "scaling.redis.host",
    "scaling.server.port": "scaling.redis.port",
    "scaling.server.username": "scaling.redis.username",
    "scaling.server.password": "scaling.redis.password",
    "scaling.server.database": "scaling.redis.db",
    "scaling.server.timeout": "scaling.redis.timeout_s",
}
APP_PATHS: Mapping[str, str] = {
    "app_id": "id",
    "key": "key",
    "secret": "secret",
    "allowed_origins": "allowed_origins",
    "ping_interval": "ping_interval",
    "activity_timeout": "activity_timeout",
    "max_connections": "max_connections",
    "max_message_size": "max_message_size",
    "accept_client_events_from": "accept_client_events_from",
    "rate_limiting.enabled": "rate_limit.enabled",
    "rate_limiting.max_attempts": "rate_limit.max_attempts",
    "rate_limiting.decay_seconds": "rate_limit.decay",
    "rate_limiting.terminate_on_limit": "rate_limit.terminate",
}
_SETTINGS = {setting.key: setting for setting in SETTINGS}
_APP_SETTINGS = {setting.key: setting for setting in APP_SETTINGS}

Lookup = Callable[[str], "str | None"]


@dataclass(frozen=True, slots=True)
class PhpOption:
    """One option that the file sets: the Setting, what is written there, and the value that it has, or the reason why
    that is not known."""

    setting: Setting
    node: PhpNode
    value: Any
    problem: str | None


@dataclass(frozen=True, slots=True)
class ReverbPhp:
    """The options of the file: those of the server that runs by default, and of each app."""

    server: tuple[PhpOption, ...]
    apps: tuple[dict[str, PhpOption], ...]
    problems: tuple[str, ...]

    def differences(
        self, values: Mapping[str, Any], provenance: Mapping[str, str], apps: tuple[App, ...], decided: str
    ) -> Iterator[str]:
        """Yields what the file sets otherwise than `values` and `apps`, such as "server.port is 9000, here 8080
        (default)". Not what a flag, the file named `decided` or the profile of limits sets: that is a decision."""
        for option in self.server:
            key = option.setting.key
            yield from _difference(option, key, values[key], provenance, decided)
        known = {app.id: app for app in apps}
        for number, options in enumerate(self.apps):
            found = options.get("id")
            app = known.get(str(found.value)) if found is not None else None
            if app is None:
                name = (
                    repr(found.value) if found is not None and found.problem is None else f"number {number}"
                )
                yield f"app {name} is not served here"
                continue
            ours = values_of(app)
            limited = RATE_LIMIT_ENABLED in options and options[RATE_LIMIT_ENABLED].value
            for key, option in options.items():
                if limited or not key.startswith("rate_limit.") or key == RATE_LIMIT_ENABLED:
                    yield from _difference(option, f"apps.{app.id}.{key}", ours[key], provenance, decided)
        yield from self.problems


def read_reverb_php(array: PhpArray, lookup: Lookup) -> ReverbPhp:
    """The options in the array of the file. `lookup` gives the text of an environment name, as Laravel sees it."""
    problems: list[str] = []
    server_name = array.find("default")
    try:
        name = str(php_value(server_name, lookup) or "reverb")
    except ValueError:
        name = "reverb"
    server_node = array.find(f"servers.{name}")
    if isinstance(server_node, PhpOther):
        problems.append(f"servers.{name} cannot be read (line {server_node.line})")
    server = _options(server_node, SERVER_PATHS, _SETTINGS, lookup)
    provider, apps = array.find("apps.provider"), array.find("apps.apps")
    if provider not in (None, "config"):
        problems.append("apps.provider is not config: REVURB_APP_PROVIDER names a class that finds apps here")
    tables = []
    for path, node in apps.items.items() if isinstance(apps, PhpArray) else [("", apps)]:
        if isinstance(node, PhpArray):
            tables.append(node)
        elif isinstance(node, PhpOther):  # its text is not shown: it may have secrets in it
            problems.append(f"{f'apps.apps.{path}'.rstrip('.')} cannot be read (line {node.line})")
    return ReverbPhp(
        tuple(server.values()),
        tuple(_options(table, APP_PATHS, _APP_SETTINGS, lookup) for table in tables),
        tuple(problems),
    )


def _options(
    node: PhpNode, paths: Mapping[str, str], settings: Mapping[str, Setting], lookup: Lookup
) -> dict[str, PhpOption]:
    options: dict[str, PhpOption] = {}
    if not isinstance(node, PhpArray):
        return options
    for path, key in paths.items():
        found = node.find(path)
        if isinstance(found, PhpOther) and found is node.find(path.rpartition(".")[0]):
            # More than this option is in it, maybe secrets as well.
            options[key] = PhpOption(settings[key], found, None, f"cannot be read (line {found.line})")
        elif found is not None:
            option = _read(settings[key], found, lookup)
            if option is not None:
                options[key] = option
    return options


def php_option_value(setting: Setting, node: PhpNode) -> Any:
    """The value of a fallback, which stands by itself; UNSET if it has none, or none that is allowed."""
    try:
        return _value(setting, php_value(node, lambda name: None))
    except ValueError:
        return UNSET


def _read(setting: Setting, node: PhpNode, lookup: Lookup) -> PhpOption | None:
    """The option; None if the node has no value."""
    try:
        raw = php_value(node, lookup)
    except ValueError as error:
        where = str(error).partition(":")[0] if setting.option.secret else str(error)
        return PhpOption(setting, node, None, f"cannot be read ({where})")
    try:
        value = _value(setting, raw)
    except ValueError as error:
        shown = MASK if setting.option.secret else repr(raw)
        reason = f": {error}" if isinstance(error, RefusedValue) else ""
        return PhpOption(setting, node, None, f"is {shown}, which is not allowed here{reason}")
    return None if value is UNSET else PhpOption(setting, node, value, None)


def _value(setting: Setting, raw: object) -> Any:
    """A value of PHP as `.env` would have it: numbers may be texts there, and the other way round."""
    if isinstance(raw, list):
        if not all(isinstance(part, str) for part in raw):
            raise ValueError("null, say, is no name")
        return setting.read_native(raw)
    if raw is None:
        return UNSET
    return setting.read_text(str(raw).lower() if isinstance(raw, bool) else str(raw))


def _difference(
    option: PhpOption, key: str, ours: Any, provenance: Mapping[str, str], decided: str
) -> Iterator[str]:
    origin = provenance.get(key, "default")
    if origin.startswith(("--", PROFILE_KEY)) or origin == decided:
        return
    if option.problem is not None:
        yield f"{key} {option.problem}"
    elif option.value != ours:
        setting = option.setting
        if setting.option.secret:
            yield f"{key} is another one than here ({origin})"
            return
        yield f"{key} is {_shown(setting, option.value)}, here {_shown(setting, ours)} ({origin})"


def _shown(setting: Setting, value: Any) -> str:
    printable = setting.printable(value)
    if isinstance(printable, list):
        return ", ".join(map(str, printable))
    return (
        "none"
        if printable is None
        else str(printable).lower()
        if isinstance(printable, bool)
        else repr(printable)
    )
