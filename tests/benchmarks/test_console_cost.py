"""The measurement of what a console costs runs, and asks every question."""

from __future__ import annotations

import pytest

from benchmarks.load import console_cost
from benchmarks.load.console_cost import main


def test_looking_is_measured_at_all_processes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console_cost, "SETTLED_S", 0.0)
    main(["--workers", "2", "--connections", "3", "--channels", "7", "--seconds", "1"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "3 connections, 7 channels, 2 worker(s)"
    figures = {line[:14].strip(): float(line[14:].split()[0]) for line in lines}
    assert set(figures) == {"worker 0", "worker 1", "hub", "supervisor", "in all", "without", "answers"}
    assert figures["without"] > 0
    assert figures["answers"] > 1
