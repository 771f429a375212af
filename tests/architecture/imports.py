"""Who imports whom in `revurb`, read from the sources: by file and by package.

Imports inside functions and under `TYPE_CHECKING` count like any others. Importing a module of a package also runs the
package's `__init__`; that is not counted, since it has nothing but names for users in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import revurb

ROOT = Path(revurb.__file__).parent
PACKAGES = frozenset(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())
SOURCES = sorted(ROOT.rglob("*.py"))

Graph = Mapping[str, frozenset[str]]


def module_name(source: Path) -> str:
    """`revurb.bus.local` of a path, `revurb.bus` of the `__init__.py` of a package."""
    parts = source.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KERNELS = frozenset(map(module_name, ROOT.rglob("*.pyx")))
MODULES = frozenset(map(module_name, SOURCES))


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """The modules of `revurb` that a source imports; an imported name counts as its module. Asserts that all imports
    are absolute: a relative one would slip past."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "import absolutely"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield from _known(name if name in MODULES | KERNELS else node.module or "")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _known(alias.name)


def _known(name: str) -> Iterator[str]:
    if name in MODULES or name in KERNELS:
        yield name


@cache
def file_graph() -> Graph:
    """Module -> the modules that it imports. The kernels are in it as those that import nothing."""
    found = {kernel: frozenset[str]() for kernel in KERNELS}
    for source in SOURCES:
        module = module_name(source)
        found[module] = frozenset(imported_modules(ast.parse(source.read_text()))) - {module}
    return found


@cache
def package_graph() -> Graph:
    """Package -> the packages that it imports; without the files at the top, which are for users."""
    found: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for module, imported in file_graph().items():
        package = package_of(module)
        if package is not None:
            found[package] |= {other for name in imported if (other := package_of(name)) is not None}
    return {package: frozenset(others - {package}) for package, others in found.items()}


def package_of(module: str) -> str | None:
    """`bus` of `revurb.bus.local`; None of `revurb` and `revurb.version`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in PACKAGES else None


def circles(graph: Graph) -> list[list[str]]:
    """Groups of nodes that can all reach each other (strongly connected components of two or more; Tarjan, 1972)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in numbers:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], numbers[other])
        if lowest[node] == numbers[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in numbers:
            visit(node)
    return found
