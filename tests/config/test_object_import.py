from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from revurb.config import ConfigError, load_app_provider

MODULE = """\
from revurb.apps import App, FixedApps

class Apps(FixedApps):
    def __init__(self):
        super().__init__([App(id="1", key="k", secret="s")])

def make():
    return Apps()

class Holder:
    Apps = Apps

class Broken:
    def __init__(self):
        raise RuntimeError("no database")

class Needy:
    def __init__(self, dsn):
        pass

class Partial:
    def find_by_id(self, app_id):
        pass

number = 5
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_providers.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("import no_such_module_anywhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield
    for name in ("my_providers", "my_broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["Apps", "make", "Holder.Apps"])
def test_a_class_or_function_in_the_working_directory(name: str) -> None:
    provider = load_app_provider(f"my_providers:{name}")
    assert [app.id for app in provider.all()] == ["1"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("my_providers", "package.module:Class"),
        ("my_providers.Apps", "package.module:Class"),
        (":Apps", "package.module:Class"),
        (
            "no_such_module_anywhere:Apps",
            "a module that can be imported (ModuleNotFoundError: No module named 'no_such_module_anywhere')",
        ),
        (
            "my_broken:Apps",
            "a module that can be imported (ModuleNotFoundError: No module named 'no_such_module_anywhere')",
        ),
        ("my_providers:Other", "something that my_providers has"),
        ("my_providers:number", "a class, or a function that makes an instance"),
        (
            "my_providers:Broken",
            "something that can be called without arguments (RuntimeError: no database)",
        ),
        (
            "my_providers:Partial",
            "an object with find_by_id, find_by_key, all (it lacks find_by_key, all)",
        ),
    ],
)
def test_a_problem_names_the_option(path: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_app_provider(path)
    assert caught.value.problems == (
        f"app_provider (REVURB_APP_PROVIDER): found {path!r}; allowed: {allowed}",
    )


def test_a_class_that_wants_arguments() -> None:
    with pytest.raises(ConfigError, match=r"TypeError: .*missing 1 required positional argument: 'dsn'"):
        load_app_provider("my_providers:Needy")
