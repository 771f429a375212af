"""Draws mutants of a package and runs its tests against each: what nobody notices is printed.

    python -m tests.mutation.campaign --package wire --count 40 --seed 1

Works on a copy in a temporary folder, with a virtual environment that finds the copy first, so that processes which the
tests start run the mutant as well. The file that tests the module goes first (see `tests/architecture/test_mirror.py`),
then the folder that mirrors the package, then `--then`, up to the first failure. A mutant that takes far longer than
the sources do is one that was noticed. A package may be one below another: `--package bus/hub`. With `--flat`, only its
own modules are changed, not those of the packages below it, and only the tests beside each other are run.

A survivor is a gap in the tests, or means the same as the original; that is for people to say.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.architecture.test_mirror import TESTED_BY, TESTS, mirror
from tests.chaos.stalls import adopt_orphans, descendants
from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
COPIED = ("revurb", "tests", "benchmarks", "docs", "pyproject.toml", "README.md")
LEFT_OUT = shutil.ignore_patterns("node_modules", ".hypothesis", "results")
BASELINE_TIMEOUT_S = 900.0  # of the tests of one stage without any change
MIN_TIMEOUT_S = 20.0
TIMES_SLOWER = 5.0  # than the sources; then a mutant counts as one that hangs


class Bench:
    """A copy of the sources and tests below `folder`, and an interpreter that imports from it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "copy"
        self.root.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.root / name, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, self.root / name)
        environment = folder / "venv"
        command = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
        subprocess.run(command, check=True)
        self._python = str(environment / "bin" / "python")
        (packages,) = environment.glob("lib/*/site-packages")
        # In this order; the .pth files of the second, which lead to the working tree, are not read.
        (packages / "mutation.pth").write_text(f"{self.root}\n{sysconfig.get_path('purelib')}\n")

    def passes(self, folders: Sequence[str], timeout_s: float | None = None) -> bool:
        """Whether all tests of the folders pass in time."""
        command = [
            self._python,
            "-m",
            "pytest",
            "-q",
            "-x",
            "--no-header",
            "-p",
            "no:cacheprovider",
            *folders,
        ]
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(timeout_s) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            kill_below(process.pid)  # servers of tests that were ended, so that these did not stop them
            process.kill()
            process.wait()

    def put(self, path: Path, source: str) -> None:
        """Write a file, given relative to the root. What was compiled from it before is removed: its time may be the
        same second, and its size the same."""
        target = self.root / path
        target.write_text(source)
        for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
            compiled.unlink()


def kill_below(root: int) -> None:
    """Kill the processes below `root`."""
    for pid in descendants(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def nearest(path: Path) -> str | None:
    """The file below the root that tests a module, if it has one of its own."""
    module = str(path.relative_to("revurb"))
    tests = TESTS / TESTED_BY[module] if module in TESTED_BY else mirror(module)
    return str(tests.relative_to(ROOT)) if tests.exists() else None


def draw(package: str, count: int, seed: int, *, flat: bool = False) -> list[tuple[Path, Mutant]]:
    """As many mutants of the package as that, always the same for a seed, by place. All if there are not more. `flat`
    leaves out the packages below it."""
    sources = ROOT / "revurb" / package
    found = [
        (path.relative_to(ROOT), mutant)
        for path in sorted(sources.glob("*.py") if flat else sources.rglob("*.py"))
        for mutant in mutants(path.read_text())
    ]
    numbers = sorted(random.Random(seed).sample(range(len(found)), min(count, len(found))))
    return [found[number] for number in numbers]


def run(package: str, count: int, seed: int, seconds: float, then: Sequence[str], *, flat: bool) -> int:
    """Prints the survivors. Returns 1 if the tests fail or hang without any change, else 0."""
    adopt_orphans()
    tests = ROOT / "tests" / package
    mirrored = sorted(tests.glob("test_*.py")) if flat else [tests]
    stages_of_all = [*mirrored, *(ROOT / "tests" / name for name in then)]
    folders = [str(path.relative_to(ROOT)) for path in stages_of_all]
    drawn = draw(package, count, seed, flat=flat)
    deadline = time.monotonic() + seconds
    survivors = tried = 0
    limits_s: dict[str, float] = {}  # of what passes without any change
    with tempfile.TemporaryDirectory(prefix="revurb-mutation-") as folder:
        bench = Bench(Path(folder))
        for path, mutant in drawn:
            if time.monotonic() > deadline:
                break
            own = nearest(path)
            stages = folders if own is None else [own, *folders]
            for stage in stages:
                if stage not in limits_s:
                    began = time.monotonic()
                    passed = bench.passes([stage], BASELINE_TIMEOUT_S)
                    took_s = time.monotonic() - began
                    if not passed:
                        hang = took_s >= BASELINE_TIMEOUT_S
                        fault = f"take longer than {BASELINE_TIMEOUT_S} s" if hang else "fail"
                        print(f"{stage}: the tests {fault} without any change", file=sys.stderr)
                        return 1
                    limits_s[stage] = max(MIN_TIMEOUT_S, TIMES_SLOWER * took_s)
            tried += 1
            original = (bench.root / path).read_text()
            bench.put(path, mutant.source)
            if all(bench.passes([stage], limits_s[stage]) for stage in stages):
                survivors += 1
                print(f"{path}:{mutant.line}: {mutant.before}  ->  {mutant.after}", flush=True)
            bench.put(path, original)
            kill_below(os.getpid())
    print(
        f"{package}: {survivors} of {tried} mutants survived, {len(drawn) - tried} were not tried for want of time"
    )
    return 0


def main(arguments: Sequence[str]) -> int:
    sources = ROOT / "revurb"
    packages = sorted(str(path.parent.relative_to(sources)) for path in sources.rglob("*/__init__.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.campaign", allow_abbrev=False)
    parser.add_argument("--package", choices=packages, default="wire")
    parser.add_argument("--count", type=int, default=40, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=1, help="draws the same mutants again")
    parser.add_argument("--seconds", type=float, default=600.0, help="after which no other mutant is tried")
    parser.add_argument(
        "--then", action="append", default=[], metavar="FOLDER", help="tests to run where the package's pass"
    )
    parser.add_argument("--flat", action="store_true", help="leave out the packages below it")
    given = parser.parse_args(arguments)
    if not (ROOT / "tests" / given.package).is_dir():
        parser.error(f"--package: there are no tests/{given.package}")
    return run(given.package, given.count, given.seed, given.seconds, given.then, flat=given.flat)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
