"""The guard on instruction counts: what it reads out of callgrind's output, and what it takes for a loss."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.instructions.guard import RECORD, compare, self_cost
from benchmarks.instructions.workloads import WORKLOADS, masked_frame
from tests.conformance.peer import frame

PROFILE = """\
events: Ir

ob=(1) /lib/kernel.so
fn=(1) feed
12 100
+3 20
cob=(2) /lib/libc.so
cfn=(2) memcpy
calls=7 0
* 5000
-1 3

ob=(2)
fn=(2)
0 700
cob=(1)
cfn=(3)
calls=1 0
0 123

ob=(1)
fn=(3)
0 1000

totals: 1823
"""


def test_only_the_librarys_own_instructions_count(tmp_path: Path) -> None:
    profile = tmp_path / "part"
    profile.write_text(PROFILE)
    assert self_cost(profile, "/lib/kernel.so") == 100 + 20 + 3 + 1000
    assert self_cost(profile, "/lib/libc.so") == 700
    assert self_cost(profile, "/lib/other.so") == 0


def test_more_than_tolerated_is_a_fault() -> None:
    assert compare({"a": 100, "b": 100}, {"a": 105, "b": 50}, 0.05) == []
    assert compare({"a": 100}, {"a": 106}, 0.05) == ["a: 106 instructions, 100 on record"]
    assert compare({"a": 1}, {"b": 1}, 0.05) == ["a: on record, but gone", "b: not on record"]


def test_the_record_has_every_workload() -> None:
    recorded = json.loads(RECORD.read_text())["instructions"]
    assert set(recorded) == {f"{kernel}: {name}" for name, (kernel, _, _) in WORKLOADS.items()}
    assert all(count > 0 for count in recorded.values())


def test_the_frames_are_right() -> None:
    for size in (0, 125, 126, 65535, 65536):
        assert masked_frame(0x81, b"a" * size) == frame(1, b"a" * size)
