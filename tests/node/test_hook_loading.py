"""Classes of hooks by their names, and objects that are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import revurb
from revurb import App
from revurb.config import Config, ConfigError, HooksConfig
from revurb.node.hook_loading import checked_hooks, configured_hooks

APP = App(id="1", key="key1", secret="secret")
SOURCE = """
class Good:
    def on_connect(self, connection): ...

class Misspelt:
    def on_conect(self, connection): ...

class Empty: ...

class Needy:
    def __init__(self, what): ...
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hooks_of_a_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def of(*names: str) -> list[object]:
    return configured_hooks(Config(hooks=HooksConfig(classes=names)))


def test_classes_and_entry_points(modules: Path) -> None:
    package = modules / "audit_of_a_test-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: audit-of-a-test\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[revurb.hooks]\naudit = hooks_of_a_test:Good\n")
    assert [type(each).__name__ for each in of("hooks_of_a_test:Good", "audit")] == ["Good", "Good"]
    assert configured_hooks(Config()) == []


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hooks_of_a_test:Misspelt", 'methods that are called (not on_conect; did you mean "on_connect"?)'),
        ("hooks_of_a_test:Empty", "an object with one of on_connect, on_disconnect"),
        ("hooks_of_a_test:Needy", "something that can be called without arguments (TypeError"),
        ("hooks_of_a_test:Lost", "something that hooks_of_a_test has"),
        ("nowhere_to_be_found:Good", "a module that can be imported"),
        ("no-such-entry-point", "package.module:Class, or an entry point of revurb.hooks ("),
    ],
)
def test_what_cannot_be_used(name: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of(name)
    (problem,) = caught.value.problems
    assert problem.startswith(f"hooks.classes (REVURB_HOOKS): found {name!r}; allowed: {allowed}")


class Hooks:
    def on_connect(self, connection: object) -> None: ...


def test_objects_that_are_given() -> None:
    hooks = Hooks()
    assert checked_hooks(hooks) == [hooks]
    assert checked_hooks([hooks, hooks]) == [hooks, hooks]
    assert checked_hooks(()) == []


@pytest.mark.parametrize(
    ("hooks", "problem"),
    [
        (Hooks, "Server.hooks: found the class Hooks; allowed: its instance"),
        (object(), "Server.hooks: found object; allowed: an object with one of on_connect"),
        ("my_hooks:Hooks", "Server.hooks: found str; allowed: an object"),
        (None, "Server.hooks: found NoneType; allowed: an object"),
    ],
)
def test_objects_that_are_none(hooks: Any, problem: str) -> None:
    with pytest.raises(TypeError) as caught:
        revurb.Server(apps=[APP], hooks=hooks)
    assert str(caught.value).startswith(problem)
