"""Finds the hooks of a node: the objects whose methods are called, by the name of a class or of an entry point."""

from __future__ import annotations

from collections.abc import Iterable

from revurb.config import Config, ConfigError, load_hooks_class
from revurb.config.error import suggestion

GROUP = "revurb.hooks"
METHODS = (
    "on_connect",
    "on_disconnect",
    "on_connection_pruned",
    "on_sign_in",
    "on_subscribe",
    "on_unsubscribe",
    "on_client_event",
    "on_message_sent",
    "on_message_received",
    "on_channel_created",
    "on_channel_removed",
)
_KEY = "hooks.classes (REVURB_HOOKS)"


def configured_hooks(config: Config) -> list[object]:
    """An instance of each class that the configuration names. Raises ConfigError for one that cannot be used."""
    found: list[object] = []
    for name in config.hooks.classes or ():
        path = name if ":" in name else _entry_point(name)
        instance = load_hooks_class(path)
        if problem := hooks_problem(instance):
            raise ConfigError([f"{_KEY}: found {name!r}; allowed: {problem}"])
        found.append(instance)
    return found


def hooks_problem(hooks: object) -> str | None:
    """What an object with hooks has to have, if it has not."""
    given = [name for name in dir(hooks) if name.startswith("on_") and callable(getattr(hooks, name, None))]
    if unknown := [name for name in given if name not in METHODS]:
        return f"methods that are called (not {unknown[0]}{suggestion(unknown[0], METHODS)})"
    if not given:
        return f"an object with one of {', '.join(METHODS)}"
    return None


def _entry_point(name: str) -> str:
    from importlib.metadata import entry_points  # with what it imports, a megabyte, which few need

    points = entry_points(group=GROUP)
    for point in points:
        if point.name == name:
            return point.value
    known = ", ".join(sorted(points.names)) or "none are installed"
    raise ConfigError(
        [f"{_KEY}: found {name!r}; allowed: package.module:Class, or an entry point of {GROUP} ({known})"]
    )


def checked_hooks(hooks: object) -> list[object]:
    """The argument `hooks` of `Server`: an object, or some. Raises TypeError."""
    several = list(hooks) if isinstance(hooks, Iterable) and not isinstance(hooks, (str, bytes)) else [hooks]
    for each in several:
        if isinstance(each, type):
            raise TypeError(f"Server.hooks: found the class {each.__name__}; allowed: its instance")
        if problem := hooks_problem(each):
            raise TypeError(f"Server.hooks: found {type(each).__name__}; allowed: {problem}")
    return several
