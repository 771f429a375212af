"""Finds every call of a logger in the sources: its level, its message, and the fields that are given by name there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.architecture.imports import ROOT, SOURCES

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


class LogCall(NamedTuple):
    """`message` is None, and `fields` are, where the call does not say them itself."""

    source: str
    line: int
    level: str
    message: str | None
    fields: tuple[str, ...] | None


def log_calls() -> Iterator[LogCall]:
    for source in SOURCES:
        yield from calls_in(source)


def calls_in(source: Path) -> Iterator[LogCall]:
    for node in ast.walk(ast.parse(source.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and _is_logger(node.func.value)
        ):
            arguments = node.args[1:] if node.func.attr == "log" else node.args
            message = _text(arguments[0]) if arguments else None
            level = {"exception": "error"}.get(node.func.attr, node.func.attr)
            name = str(source.relative_to(ROOT))
            yield LogCall(name, node.lineno, level, message, _fields(node))


def _is_logger(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):  # logging.getLogger(__name__).error(...)
        return ast.unparse(value.func) == "logging.getLogger"
    return ast.unparse(value) in ("_log", "_logger", "self._log", "logger")


def refusals_in(source: Path) -> Iterator[str]:
    """The texts that a source may give to `RefusalLog.write`, as far as they are written out in the calls."""
    for node in ast.walk(ast.parse(source.read_text())):
        text = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("write", "_write", "counts") and node.args:
                text = _text(node.args[0])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "what":
            text = _text(node.value)
        if text is not None:
            yield text


def _text(node: ast.expr) -> str | None:
    """That of a literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _fields(call: ast.Call) -> tuple[str, ...] | None:
    for keyword in call.keywords:
        if keyword.arg == "extra":
            if not isinstance(keyword.value, ast.Dict):
                return None
            keys = (None if key is None else _text(key) for key in keyword.value.keys)
            return tuple("..." if key is None else key for key in keys)
    return ()
