"""How much memory there is, with and without the limit of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revurb.node import available_memory
from revurb.node.available_memory import available_memory_bytes

MACHINE_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("67108864\n", 67_108_864),
        ("max\n", MACHINE_BYTES),
        ("9223372036854771712\n", MACHINE_BYTES),  # how cgroup v1 says that there is none
        ("", MACHINE_BYTES),
    ],
)
def test_a_container_has_what_it_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(limit)
    for name in ("MEMORY_MAX", "LIMIT_IN_BYTES"):
        with monkeypatch.context() as patch:
            for other in ("MEMORY_MAX", "LIMIT_IN_BYTES"):
                patch.setattr(available_memory, other, file if other == name else tmp_path / "missing")
            assert available_memory_bytes() == expected
