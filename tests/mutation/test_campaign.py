"""A campaign: the same mutants for a seed, in a copy that its tests and their processes import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.mutation.campaign import ROOT, Bench, draw, nearest


def test_a_seed_draws_the_same_again() -> None:
    assert draw("apps", 5, 1) == draw("apps", 5, 1) != draw("apps", 5, 2)
    assert len(draw("apps", 5, 1)) == 5
    every = draw("apps", 10**6, 1)
    assert {path for path, _ in every} >= {Path("revurb/apps/app.py"), Path("revurb/apps/provider.py")}


def test_a_package_may_be_below_another() -> None:
    paths = {path for path, _ in draw("bus/hub", 10**6, 1)}
    assert Path("revurb/bus/hub/broker.py") in paths
    assert {path.parent for path in paths} == {Path("revurb/bus/hub")}


def test_the_packages_below_may_be_left_out() -> None:
    assert {path.parent for path, _ in draw("bus", 10**6, 1, flat=True)} == {Path("revurb/bus")}


def test_the_file_that_tests_a_module_goes_first() -> None:
    assert nearest(Path("revurb/bus/cache.py")) == "tests/bus/test_cache.py"
    assert nearest(Path("revurb/bus/hub/peer.py")) == "tests/bus/hub/test_broker.py"
    assert nearest(Path("revurb/bus/__init__.py")) is None


def test_the_tests_of_a_copy_run_the_copy(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    place = Path("revurb/version.py")
    (bench.root / "tests" / "test_it.py").write_text(
        "import subprocess, sys, revurb\n"
        "def test_version():\n"
        "    code = 'import revurb; print(revurb.__version__)'\n"
        "    found = subprocess.check_output([sys.executable, '-P', '-c', code], cwd='/', text=True)\n"
        "    assert (found, revurb.__version__) == ('9.9\\n', '9.9')\n"
    )
    assert not bench.passes(["tests/test_it.py"])
    before = (ROOT / place).read_text()
    bench.put(place, re.sub('= "[^"]+"', '= "9.9"', before))
    assert bench.passes(["tests/test_it.py"])
    assert not bench.passes(["tests/test_it.py"], timeout_s=0.01)
    assert (ROOT / place).read_text() == before


def test_the_command_prints_what_survived() -> None:
    # The mutant of another seed may hang, which takes half a minute to notice.
    options = ["--package", "apps", "--count", "1", "--seed", "3"]
    command = [sys.executable, "-m", "tests.mutation.campaign", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    *survivors, summary = done.stdout.splitlines()
    assert all(re.match(r"revurb/apps/\w+\.py:\d+: .+  ->  .+", line) for line in survivors)
    assert summary == f"apps: {len(survivors)} of 1 mutants survived, 0 were not tried for want of time"


def test_tests_that_hang_without_any_change_end_the_campaign() -> None:
    code = (
        "import sys; from tests.mutation import campaign; campaign.BASELINE_TIMEOUT_S = 0.01;"
        "sys.exit(campaign.main(['--package', 'apps', '--count', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert re.fullmatch(
        r"tests/apps\S*: the tests take longer than 0\.01 s without any change\n", done.stderr
    )
