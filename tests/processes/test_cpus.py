from __future__ import annotations

import os
from pathlib import Path

import pytest

from revurb.processes import cpus


@pytest.mark.parametrize(
    ("text", "count"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("", 8), ("x", 8)],
)
def test_the_quota_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, count: int
) -> None:
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(cpus, "CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.setattr(cpus, "CFS_QUOTA", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert cpus.available_cpus() == count


def test_the_quota_of_an_old_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("quota", "300000\n"), ("period", "100000\n")):
        (tmp_path / name).write_text(value)
    monkeypatch.setattr(cpus, "CPU_MAX", tmp_path / "none")
    monkeypatch.setattr(cpus, "CFS_QUOTA", tmp_path / "quota")
    monkeypatch.setattr(cpus, "CFS_PERIOD", tmp_path / "period")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert cpus.available_cpus() == 3
