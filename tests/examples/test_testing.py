"""The examples of examples/testing, run as their reader would run them: each in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples" / "testing"


def run_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb", "line"),
        *("-o", "asyncio_default_fixture_loop_scope=function", *arguments),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout


def test_the_examples_pass(tmp_path: Path) -> None:
    for file in FOLDER.glob("test_*.py"):
        shutil.copy(file, tmp_path)
    code, output = run_pytest(tmp_path)
    assert code == 0, output
    assert "8 passed" in output


def test_an_example_notices_a_fault_of_its_application(tmp_path: Path) -> None:
    text = (FOLDER / "test_flask_orders.py").read_text()
    broken = text.replace('"order.shipped", {"id"', '"order.sent", {"id"')
    assert broken != text
    (tmp_path / "test_flask_orders.py").write_text(broken)
    code, output = run_pytest(tmp_path, "-k", "test_shipping_is_published")
    assert code == 1
    assert "order.shipped on private-orders" in output
