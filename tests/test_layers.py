"""The architecture of DESIGN.md section 2 as a test: who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import revurb

ROOT = Path(revurb.__file__).parent
EVERYTHING = frozenset(path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__")
MAY_IMPORT = {
    "_speedups": set(),
    "observe": set(),
    "apps": set(),
    "wire": {"_speedups"},
    "transport": {"wire", "_speedups", "observe"},
    "bus": {"observe", "config", "pusher"},  # of pusher only its ports: test_the_bus_knows_the_ports_alone
    "config": {"apps"},
    "pusher": {"wire", "_speedups", "apps", "observe"},
    "api": {"pusher", "wire", "apps", "observe"},
    "node": EVERYTHING - {"processes", "doctor", "cli", "server"},
    "processes": EVERYTHING - {"doctor", "cli", "server"},
    "server": {"processes"},
    "doctor": EVERYTHING - {"processes", "cli", "server"},
    "cli": {"config", "processes", "doctor", "observe", "node"},
}
FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def imported_packages(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):  # also sees imports inside functions
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "import absolutely: relative imports would slip past this test"
            names = [node.module or ""]
            if node.module == "revurb":
                names = [f"revurb.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("revurb."))


def test_every_package_is_in_the_table() -> None:
    assert set(MAY_IMPORT) == EVERYTHING


@pytest.mark.parametrize("source", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_layer(source: Path) -> None:
    package = source.relative_to(ROOT).parts[0]
    found = set(imported_packages(ast.parse(source.read_text()))) & EVERYTHING
    assert found - {package} <= MAY_IMPORT[package]


def test_the_bus_knows_the_ports_alone() -> None:
    """It moves events and never looks inside one."""
    for source in (ROOT / "bus").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            assert not (module or "").startswith("revurb.pusher") or module == "revurb.pusher.ports", source


@pytest.mark.parametrize("package", ["wire", "pusher", "api", "apps", "config"])
def test_no_event_loop_below_transport(package: str) -> None:
    for source in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not any(name.split(".")[0] in ("asyncio", "uvloop", "socket") for name in names), source


@pytest.mark.parametrize("source", sorted(ROOT.rglob("*.py*")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_grows_past_its_noun(source: Path) -> None:
    if source.suffix in (".py", ".pyx"):
        limit = 250 if source.suffix == ".pyx" else 350
        assert len(source.read_text().splitlines()) <= limit
