"""A custom app provider: from `package.module:Class` to an instance that answers."""

from __future__ import annotations

import importlib
import os
import sys
from typing import cast

from revurb.apps import AppProvider
from revurb.config.config import object_path
from revurb.config.error import ConfigError

METHODS = ("find_by_id", "find_by_key", "all")


def load_app_provider(path: str) -> AppProvider:
    """The provider that `path` names: a class or a function, called with no arguments.

    The working directory is looked in too, as with `python -m`. Raises ConfigError when it cannot be imported
    or called, or when what it gives lacks a method of AppProvider.
    """
    try:
        module_name, _, name = object_path(path).partition(":")
    except ValueError:
        raise _error(path, "package.module:Class") from None
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        factory = importlib.import_module(module_name)
    except Exception as error:  # the module is somebody's code: it can fail in any way
        raise _error(path, f"a module that can be imported ({_reason(error)})") from error
    for part in name.split("."):
        try:
            factory = getattr(factory, part)
        except AttributeError:
            raise _error(path, f"something that {module_name} has") from None
    if not callable(factory):
        raise _error(path, "a class, or a function that makes an instance")
    try:
        provider = factory()
    except Exception as error:
        raise _error(path, f"something that can be called without arguments ({_reason(error)})") from error
    missing = [method for method in METHODS if not callable(getattr(provider, method, None))]
    if missing:
        raise _error(path, f"an object with {', '.join(METHODS)} (it lacks {', '.join(missing)})")
    return cast(AppProvider, provider)


def _error(path: str, allowed: str) -> ConfigError:
    return ConfigError([f"app_provider (REVURB_APP_PROVIDER): found {path!r}; allowed: {allowed}"])


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
