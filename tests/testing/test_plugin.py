"""The fixtures, as pytest finds them in a project that has Revurb installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = """
import pytest, revurb

@pytest.fixture(scope="session")
def revurb_app():
    return revurb.App(id="9", key="key9", secret="secret9")

@pytest.fixture(scope="session")
def revurb_options():
    return {"path": "/ws"}

@pytest.mark.parametrize("number", [1, 2])
def test_each_test_begins_anew(revurb_node, number):
    assert (revurb_node.app_id, revurb_node.key, revurb_node.secret) == ("9", "key9", "secret9")
    assert revurb_node.url == f"http://127.0.0.1:{revurb_node.port}/ws"
    assert revurb_node.sent == [] and revurb_node.channels() == {}
    revurb_node.client.subscribe("orders")
    revurb_node.trigger("orders", "created", {"id": number})
    revurb_node.client.received("created", data={"id": number})

def test_a_failed_assertion_says_what_was_published(revurb_node):
    revurb_node.trigger("orders", "created", {})
    revurb_node.published("shipped", timeout_s=0.01)
"""
NOTHING_LOADED = """
import sys
def test_nothing_is_loaded_that_nobody_asked_for():
    assert not {name for name in sys.modules if name.startswith(("revurb.node", "revurb._speedups", "uvloop"))}
"""


def run_pytest(folder: Path, text: str) -> tuple[int, str]:
    (folder / "test_project.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_project_overrides_app_and_options(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, PROJECT)
    assert "2 passed" in output
    assert code == 1
    assert "1 failed" in output
    assert "AssertionError: shipped was not published within 0.01 s; what was:" in output
    assert "created on orders: {}" in output


def test_without_a_fixture_nothing_is_loaded(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, NOTHING_LOADED)
    assert code == 0, output
