"""Imports objects that an option names as `package.module:Name`: an app provider, a factory of Redis clients."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from revurb.apps import AppProvider
from revurb.config.error import ConfigError
from revurb.config.normalization import object_path

METHODS = ("find_by_id", "find_by_key", "all")


def load_app_provider(path: str) -> AppProvider:
    """Calls the class or function at `path` without arguments and returns the provider.

    Adds the working directory to `sys.path`, as `python -m` does. Raises ConfigError if the object cannot be
    imported or called, or if its result lacks a method of `AppProvider`.
    """
    factory = _import(path, "app_provider (REVURB_APP_PROVIDER)", "package.module:Class")
    try:
        provider = factory()
    except Exception as error:
        raise _error(path, f"something that can be called without arguments ({_reason(error)})") from error
    missing = [method for method in METHODS if not callable(getattr(provider, method, None))]
    if missing:
        raise _error(path, f"an object with {', '.join(METHODS)} (it lacks {', '.join(missing)})")
    return cast(AppProvider, provider)


def load_redis_factory(path: str) -> Callable[[], Any]:
    """Returns the function at `path`. Raises ConfigError if it cannot be imported or is not callable."""
    return _import(path, "scaling.redis.factory (REVURB_REDIS_FACTORY)", "package.module:function")


def load_hooks_class(path: str) -> object:
    """Calls the class or function at `path` without arguments, and returns the object with the hooks. Raises
    ConfigError."""
    key = "hooks.classes (REVURB_HOOKS)"
    factory = _import(path, key, "package.module:Class")
    try:
        return factory()
    except Exception as error:
        allowed = f"something that can be called without arguments ({_reason(error)})"
        raise _error(path, allowed, key) from error


def _import(path: str, key: str, shape: str) -> Callable[[], Any]:
    try:
        module_name, _, name = object_path(path).partition(":")
    except ValueError:
        raise _error(path, shape, key) from None
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any
    try:
        found = importlib.import_module(module_name)
    except Exception as error:  # importing runs the user's code, which can raise anything
        raise _error(path, f"a module that can be imported ({_reason(error)})", key) from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise _error(path, f"something that {module_name} has", key) from None
    if not callable(found):
        raise _error(path, "a class, or a function that makes an instance", key)
    return cast("Callable[[], Any]", found)


def _error(path: str, allowed: str, key: str = "app_provider (REVURB_APP_PROVIDER)") -> ConfigError:
    return ConfigError([f"{key}: found {path!r}; allowed: {allowed}"])


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
