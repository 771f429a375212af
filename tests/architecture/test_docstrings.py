"""What docstrings name in backticks exists: a name outlives what it named, and then sends readers astray.

A name counts if it is used or defined in the same file, or defined in a module of `revurb` that the file imports; a
dotted one if it leads to something from a package, a module or a class of `revurb` (`pusher.ports.Bus`,
`AppState.add_user_session`), or from Python's own; options and their variables count too. So do words within a text of
the file: they are the names of the wire. What is no identifier is not looked at.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from revurb.config import APP_SETTINGS, SETTINGS, WEBHOOK_SETTINGS
from revurb.config.history_options import HISTORY_SETTINGS
from revurb.config.sources import CONFIG_NAME
from tests.architecture.imports import KERNELS, MODULES, ROOT, SOURCES, imported_modules

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(?:\(\))?")
QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# Of the outside world: Python's own, other people's programs and files, and names of the protocol.
KNOWN = (
    set(dir(builtins))
    | sys.stdlib_module_names
    | {"allowed_origins", "channel_data", "member_added", "member_removed"}
    | {"llhttp", "redis", "revurb", "uvloop", "revurb.toml"}
)

SETTINGS_NAMES = {
    name
    for setting in (*SETTINGS, *APP_SETTINGS, *WEBHOOK_SETTINGS, *HISTORY_SETTINGS)
    for name in (setting.key, *setting.option.names)
} | {CONFIG_NAME}


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of each docstring, those of attributes included."""
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        for statement in body if isinstance(body, list) else ():
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text


@cache
def parsed(module: str) -> ast.Module:
    path = ROOT.parent / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(source.read_text())


@cache
def defined(module: str) -> frozenset[str]:
    """What a module defines: names, and the attributes and parameters of its classes and functions."""
    found: set[str] = set()
    for node in ast.walk(parsed(module)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.arg(arg=name) | ast.alias(name=name, asname=str()):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.add(name)
    return frozenset(found)


def used(tree: ast.AST) -> set[str]:
    """Every identifier of a source, and every word within its texts that is no docstring."""
    prose = {text for _, text in docstrings(tree)}
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name))
            ):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found |= {*name.split("."), asname or ""}
            case ast.Constant(value=str(text)) if text not in prose:
                found |= set(re.findall(r"\w+", text))
            case ast.Constant(value=bytes(text)):
                found |= set(re.findall(r"\w+", text.decode("latin-1")))
    return found


CLASSES = {
    node.name: module
    for module in MODULES
    for node in ast.walk(parsed(module))
    if isinstance(node, ast.ClassDef)
}


def kernel_names(name: str) -> set[str]:
    """What the stub of a kernel defines."""
    tree = ast.parse((ROOT / "_speedups" / f"{name}.pyi").read_text())
    return used(tree)


def unknown_names(source: Path) -> list[str]:
    tree = ast.parse(source.read_text())
    here = used(tree) | {source.stem}
    for module in imported_modules(tree):
        name = module.rsplit(".", 1)[-1]
        here |= {name} | (kernel_names(name) if module in KERNELS else defined(module))
    faults = []
    for line, text in docstrings(tree):
        for quoted in QUOTED.findall(text):
            if NAME.fullmatch(quoted) and not _exists(quoted.removesuffix("()"), here, source):
                faults.append(f"{source.relative_to(ROOT.parent)}:{line}: `{quoted}`")
    return faults


def _exists(name: str, here: set[str], source: Path) -> bool:
    if name in here or name in KNOWN or name in SETTINGS_NAMES:
        return True
    first, *rest = name.split(".")
    siblings = {path.stem for path in source.parent.iterdir()}
    if not rest:  # a module beside this one, or a package
        return first in siblings or (ROOT / first).is_dir()
    if rest == ["py"]:
        return first in siblings or any(path.stem == first for path in SOURCES)
    if first in sys.stdlib_module_names:
        return hasattr(importlib.import_module(first), rest[0])
    if first in CLASSES:
        return rest[0] in defined(CLASSES[first])
    return (first in here and all(part in here for part in rest)) or _leads_to_something(name, source)


def _leads_to_something(name: str, source: Path) -> bool:
    """Whether a dotted name is that of a module, whole, or of something that the module defines."""
    below = ".".join(source.relative_to(ROOT.parent).parts[:-1])
    for prefix in ("", "revurb.", f"{below}."):
        parts = f"{prefix}{name}".split(".")
        if parts[:2] == ["revurb", "_speedups"] and len(parts) > 2:
            return (ROOT / "_speedups" / f"{parts[2]}.pyx").exists()
        for length in range(len(parts), 0, -1):
            module = ".".join(parts[:length])
            if module in MODULES and all(part in defined(module) for part in parts[length:]):
                return True
    return False


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_backticks_exist(source: Path) -> None:
    assert unknown_names(source) == []


def test_a_name_that_is_gone_is_found() -> None:
    source = ROOT / "observe/counters.py"
    tree = used(ast.parse(source.read_text()))
    assert _exists("Counters", tree, source)
    assert _exists("pusher.ports.Bus", tree, source)
    assert _exists("AppState.add_user_session", tree, source)
    assert _exists("time.monotonic", tree, source)
    assert not _exists("AppState.release", tree, source)
    assert not _exists("release", tree, source)
    assert not _exists("pusher.ports.Release", tree, source)
