"""What runs is what the source says: an extension built before its source changed would be tested in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from revurb import _speedups

FOLDER = Path(_speedups.__file__).parent
KERNELS = sorted(FOLDER.glob("*.pyx"))  # none where only the built package is installed


@pytest.mark.parametrize("source", KERNELS, ids=lambda path: path.stem)
def test_the_extension_is_newer_than_its_source(source: Path) -> None:
    built = list(FOLDER.glob(f"{source.stem}.*.so"))
    assert len(built) == 1, "build it with `python setup.py build_ext --inplace`"
    for path in (source, source.with_suffix(".pxd"), *FOLDER.glob("*.h")):
        assert built[0].stat().st_mtime >= path.stat().st_mtime, f"{path.name} has changed since the build"
