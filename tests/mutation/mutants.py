"""Mutants of a source: the same text with one small fault, which some test should notice.

An operator is exchanged, a constant is changed, a condition is turned round, or a call whose result nobody uses is left
out. Annotations are left alone, and what f-strings contain, whose positions Python 3.11 does not know.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
MAX_SHOWN_CHARS = 60


class Mutant(NamedTuple):
    """`source` is the whole text with the change, which is in `line`; `before` and `after` are the changed part."""

    line: int
    before: str
    after: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """All mutants of a source, in the order of their places."""
    tree = ast.parse(source)
    lines = [0]
    for line in source.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    data = source.encode()
    found = []
    for node, replacement in _changes(tree):
        start = lines[node.lineno - 1] + node.col_offset
        end = lines[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        before = data[start:end].decode()
        text = (data[:start] + replacement.encode() + data[end:]).decode()
        found.append(Mutant(node.lineno, _short(before), _short(replacement), text))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.before, mutant.after))


def _changes(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Nodes, and the text that each is to be replaced by."""
    for node in _changeable(tree):
        match node:
            case ast.Compare() | ast.BoolOp() | ast.BinOp():
                for changed in _with_other_operators(node):
                    yield node, f"({ast.unparse(changed)})"
            case ast.UnaryOp(op=ast.Not()):
                yield node, f"(bool({ast.unparse(node.operand)}))"
            case ast.Constant(value=bool() as value):
                yield node, str(not value)
            case ast.Constant(value=int() | float() as value):
                yield node, str(value + 1)
            case ast.If() | ast.IfExp():
                if not _is_for_types(node.test):
                    yield node.test, f"(not ({ast.unparse(node.test)}))"
            case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
                yield node, "pass"
            case _:
                pass


def _changeable(node: ast.AST) -> Iterator[ast.AST]:
    """The node and those below it, without annotations and f-strings."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.If) and _is_for_types(node.test)):
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield from _changeable(child)


def _with_other_operators(node: ast.Compare | ast.BoolOp | ast.BinOp) -> Iterator[ast.expr]:
    operators = node.ops if isinstance(node, ast.Compare) else [node.op]
    for number, operator in enumerate(operators):
        other = OPERATORS.get(type(operator))
        if other is None:
            continue
        changed = copy.copy(node)
        if isinstance(changed, ast.Compare):
            changed.ops = [*changed.ops]
            changed.ops[number] = other()  # type: ignore[call-overload]
        else:
            changed.op = other()  # type: ignore[assignment]
        yield changed


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."
