"""Run one target under atheris: what campaign.py starts, in the tree that it has built.

    python -m tests.fuzz.run TARGET [libFuzzer options] [corpus directories]

Python code is instrumented as it is imported, and kernels as they were built: run in the working tree itself, the
fuzzer is blind to what goes on in those.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    atheris = importlib.import_module("atheris")  # has no type information
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["revurb", "tests.fuzz.targets"]):
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
    atheris.Setup(sys.argv, target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
