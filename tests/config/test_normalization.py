from __future__ import annotations

import pytest

from tests.config.project import Project


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/ws", "/ws"),
        ("ws", "/ws"),
        ("/ws/", "/ws"),
        ("a/b/", "/a/b"),
        ("/", ""),
        ("//", ""),
        (" ws ", "/ws"),
    ],
)
def test_the_path_becomes_a_prefix(project: Project, given: str, path: str) -> None:
    assert project.load({"REVERB_SERVER_PATH": given}).server.path == path
