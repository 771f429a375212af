"""Mutants: one change each, of every kind, and none where it would mean nothing."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mutants import OPERATORS, mutants


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("a == b < c", ["(a != b < c)", "(a == b <= c)"]),
        ("x = a and b", ["x = (a or b)"]),
        ("x = not a", ["x = (bool(a))"]),
        ("x = 7", ["x = 8"]),
        ("x = 0.5", ["x = 1.5"]),
        ("x = True", ["x = False"]),
        ("x = a << 2", ["x = (a >> 2)", "x = a << 3"]),
        ("f(a)", ["pass"]),
        ("x = f(a)", []),
        ("x = b if a else c", ["x = b if (not (a)) else c"]),
        ("if a: f(b)", ["if (not (a)): f(b)", "if a: pass"]),
        ("if TYPE_CHECKING: import a", []),
        ("x: Literal[1] = 'ä', 1", ["x: Literal[1] = 'ä', 2"]),
        ("def f(a: A[1] = 1) -> B[2]: 'doc'", ["def f(a: A[1] = 2) -> B[2]: 'doc'"]),
        ("x = f'{a + 1}'", []),
        ("x = 'ä' + a", ["x = ('ä' - a)"]),
        ("async def f(): await g()", ["async def f(): pass"]),
    ],
)
def test_each_change_is_one_mutant(line: str, changed: list[str]) -> None:
    source = f"# ü\n{line}\n"
    found = mutants(source)
    assert sorted(mutant.source for mutant in found) == sorted(f"# ü\n{text}\n" for text in changed)
    assert {mutant.line for mutant in found} <= {2}
    for mutant in found:
        ast.parse(mutant.source)


def test_exchanged_operators_are_others() -> None:
    assert all(before is not after for before, after in OPERATORS.items())
