"""Build the kernels with coverage, and fuzz.

    python -m tests.fuzz.campaign [--seconds 60] [--runs N] [TARGET...]

What is found interesting is kept in build/fuzz-corpus, and the next run goes on from there. An input that breaks
something is written to build/fuzz-corpus too, as TARGET-crash-..., and its traceback printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGETS = ("frames", "connection", "close", "deflate", "handshake", "http", "message", "publish")
DICTIONARIES = {
    "http": "http.dict",
    "handshake": "http.dict",
    "message": "message.dict",
    "publish": "publish.dict",
}
# Calls at each branch, which coverage.c counts, and at each comparison, from which libFuzzer learns what to try.
COVERAGE_FLAGS = "-fsanitize-coverage=trace-pc,trace-cmp"
ONE_INPUT_S = 10  # a single input that takes longer is a failure


def libfuzzer() -> Path | None:
    """The libFuzzer in atheris' package whose symbols can be made global; None if atheris is not installed."""
    spec = importlib.util.find_spec("atheris")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parents[1] / "ubsan_with_fuzzer.so"


def build(tree: Path) -> None:
    """A copy of the sources in `tree`, with kernels that tell where they are."""
    environment = {**os.environ, "PYTHON": sys.executable, "CFLAGS": COVERAGE_FLAGS}
    subprocess.run(
        [ROOT / "tests/sanitize/tree", tree], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    compiler = os.environ.get("CC", "cc")
    source, library = HERE / "coverage.c", tree / "coverage.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)


def fuzz(tree: Path, target: str, kept: Path, options: list[str], limit_s: float) -> tuple[int, str]:
    """Run a target in a tree that `build` made, its discoveries in `kept`. Exit status, and what was said."""
    preload = libfuzzer()
    assert preload is not None, "atheris is not installed"
    (kept / target).mkdir(parents=True, exist_ok=True)
    options = [*options, "-keep_seed=1", f"-timeout={ONE_INPUT_S}", f"-artifact_prefix={kept}/{target}-"]
    if target in DICTIONARIES:
        options.append(f"-dict={HERE / DICTIONARIES[target]}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", target, *options, kept / target, HERE / "corpus" / target],
        cwd=tree,
        env={**os.environ, "LD_PRELOAD": f"{tree / 'coverage.so'} {preload}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=limit_s,
        check=False,
    )
    return done.returncode, done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the wire layer.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--runs", type=int, default=-1, help="at most, for each target (no limit)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    asked = parser.parse_args()
    if libfuzzer() is None:
        print("atheris is not installed: pip install -e '.[dev]'", file=sys.stderr)
        return 2
    tree, kept = ROOT / "build/fuzz", ROOT / "build/fuzz-corpus"
    build(tree)
    failed = False
    for target in asked.targets or TARGETS:
        options = [f"-max_total_time={asked.seconds}", f"-runs={asked.runs}"]
        status, said = fuzz(tree, target, kept, options, asked.seconds + 60.0)
        counts = re.findall(r"^#(\d.*)", said, re.MULTILINE)
        print(f"{target}: {counts[-1] if counts else 'did not start'}", flush=True)
        if status:
            failed = True
            print(said[-4000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
