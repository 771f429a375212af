"""The architecture of the package as a test: who may import whom, no circles, no file that outgrows its noun."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.imports import (
    PACKAGES,
    ROOT,
    SOURCES,
    circles,
    file_graph,
    module_name,
    package_graph,
)

EVERYTHING_BELOW_NODE = {
    "_speedups", "observe", "apps", "config", "wire", "transport", "pusher", "api", "bus", "webhooks",
    "console", "inspection", "lookup",
}  # fmt: skip
MAY_IMPORT: dict[str, set[str]] = {
    "_speedups": set(),
    "observe": set(),
    "apps": set(),
    "wire": {"_speedups"},
    "transport": {"wire", "_speedups", "observe"},
    "bus": {
        "_speedups",
        "observe",
        "config",
        "pusher",
    },  # of pusher only its ports and facts: test_the_bus_knows_the_ports_alone
    "config": {"apps"},
    "lookup": {"apps"},
    "pusher_client": {"apps", "observe"},
    "bench": {"apps", "observe"},
    "pusher": {"wire", "_speedups", "apps", "observe"},
    "api": {"pusher", "wire", "apps", "observe"},
    "console": {"observe", "wire"},
    "inspection": {"api", "apps", "observe", "pusher", "webhooks", "wire"},
    "webhooks": {"apps", "observe", "pusher"},  # of pusher its facts alone
    "node": EVERYTHING_BELOW_NODE,
    "processes": EVERYTHING_BELOW_NODE | {"node"},
    "doctor": EVERYTHING_BELOW_NODE | {"node", "processes"},
    "server": {"processes"},
    "testing": {"apps", "node", "pusher_client"},
    "cli": {
        "config",
        "processes",
        "doctor",
        "observe",
        "node",
        "webhooks",
        "lookup",
        "pusher_client",
        "bench",
        "apps",
    },
}
RELATIVE = {
    source: str(source.relative_to(ROOT))
    for source in ROOT.rglob("*.py*")
    if source.suffix in (".py", ".pyx")
}


def test_every_package_is_in_the_table() -> None:
    assert set(MAY_IMPORT) == PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_layer(package: str) -> None:
    assert package_graph()[package] <= MAY_IMPORT[package]


def test_kernels_import_kernels_alone() -> None:
    for source in ROOT.rglob("*.p*"):
        if source.suffix in (".pyx", ".pxd"):
            found = re.findall(
                r"^\s*(?:from|cimport|import) +(revurb[\w.]*)", source.read_text(), re.MULTILINE
            )
            assert all(name.startswith("revurb._speedups") for name in found), source


def test_at_the_top_are_names_for_users_alone() -> None:
    """A module there would belong to no layer."""
    assert {source.name for source in ROOT.glob("*.py")} == {"__init__.py", "__main__.py", "version.py"}


def test_imports_by_name_are_for_what_is_not_known_here() -> None:
    """The verb that is asked for, and code of the user's own; of our own modules such imports would hide a circle."""
    users = {str(source.relative_to(ROOT)) for source in SOURCES if "import_module" in source.read_text()}
    assert users == {"cli/main.py", "config/object_import.py"}


def test_no_circle_of_packages() -> None:
    assert circles({package: frozenset(others) for package, others in MAY_IMPORT.items()}) == []


def test_no_circle_of_files() -> None:
    """Also none that is hidden in a function, or that only a type checker sees."""
    assert circles(file_graph()) == []


def test_a_circle_would_be_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert circles({name: frozenset(others) for name, others in graph.items()}) == [
        ["d", "e"],
        ["a", "b", "c"],
    ]


def test_the_bus_knows_the_ports_alone() -> None:
    """It moves events and never looks inside one."""
    for module, imported in file_graph().items():
        if module.startswith("revurb.bus."):
            assert {name for name in imported if name.startswith("revurb.pusher")} <= {
                "revurb.pusher.ports",
                "revurb.pusher.facts",
                "revurb.pusher.history",
            }, module


def test_webhooks_know_the_facts_alone() -> None:
    for module, imported in file_graph().items():
        if module.startswith("revurb.webhooks."):
            names = {name for name in imported if name.startswith("revurb.pusher")}
            assert names <= {"revurb.pusher", "revurb.pusher.facts"}, module


@pytest.mark.parametrize("package", ["wire", "pusher", "api", "apps", "config"])
def test_no_event_loop_below_transport(package: str) -> None:
    for source in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not any(name.split(".")[0] in ("asyncio", "uvloop", "socket") for name in names), source


@pytest.mark.parametrize("source", sorted(RELATIVE), ids=RELATIVE.get)
def test_no_file_grows_past_its_noun(source: Path) -> None:
    limit = 250 if source.suffix == ".pyx" else 350
    assert len(source.read_text().splitlines()) <= limit


def test_class_names_are_unique() -> None:
    """A name that can be searched for: of two classes with one name, each is found where the other was meant."""
    owners: dict[str, list[str]] = {}
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners.setdefault(node.name, []).append(module_name(source))
    assert {name: modules for name, modules in owners.items() if len(modules) > 1} == {}


def test_module_names_are_unique() -> None:
    """As of classes; `__init__` and packages apart."""
    owners: dict[str, list[str]] = {}
    for source in SOURCES:
        if source.name != "__init__.py":
            owners.setdefault(source.stem, []).append(module_name(source))
    shared = {name: modules for name, modules in owners.items() if len(modules) > 1}
    assert shared.keys() <= COMMANDS, shared


# A verb's file has its name; older supervisors start processes by the second pair of modules.
COMMANDS = {"config", "doctor", "worker", "hub"}
