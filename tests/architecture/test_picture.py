"""The picture of the layers in the docs is that of the sources."""

from __future__ import annotations

from tests.architecture.imports import package_graph
from tests.architecture.picture import PICTURE, draw, floors, without_detours


def test_the_picture_is_up_to_date() -> None:
    assert PICTURE.read_text() == draw(package_graph()), "make docs draws it anew"


def test_floors_and_detours() -> None:
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set[str](), "d": {"c"}}
    frozen = {name: frozenset(others) for name, others in graph.items()}
    assert floors(frozen) == {"a": 2, "b": 1, "c": 0, "d": 1}
    assert without_detours(frozen) == {"a": ["b"], "b": ["c"], "c": [], "d": ["c"]}
