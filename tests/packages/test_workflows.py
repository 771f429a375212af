"""The workflows of GitHub: its own linters take them, and each action is pinned by hash."""

from __future__ import annotations

import re

from tests.packages.tool import GO_TOOLS, PYTHON_TOOLS, ROOT, passed

WORKFLOWS = ROOT / ".github" / "workflows"


def test_actionlint_takes_them() -> None:
    passed(GO_TOOLS / "actionlint", *sorted(WORKFLOWS.glob("*.yml")))


def test_zizmor_finds_no_hole() -> None:
    passed(PYTHON_TOOLS / "zizmor", "--offline", "--quiet", WORKFLOWS)


def test_each_action_is_pinned_by_hash() -> None:
    used = [line for file in WORKFLOWS.glob("*.yml") for line in re.findall(r"uses: (.*)", file.read_text())]
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", line)] == []
