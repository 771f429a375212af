"""The source distribution: it is whole, and a wheel can be built of it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.packages.test_wheel import copy_sources
from tests.packages.tool import PYTHON_TOOLS, ROOT, passed


@pytest.mark.timeout(400)
def test_a_wheel_is_built_of_it(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    copy_sources(sources)
    # First the archive, then a wheel of what is in it.
    passed(PYTHON_TOOLS / "python", "-m", "build", "--outdir", tmp_path / "dist", sources)
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    passed(PYTHON_TOOLS / "twine", "check", "--strict", *(tmp_path / "dist").iterdir())
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    kernels = {str(path.relative_to(ROOT)) for path in (ROOT / "revurb/_speedups").glob("*.p*")}
    assert {*kernels, "LICENSE", "README.md", "pyproject.toml", "revurb/browser/resume.mjs"} <= names
    assert not {name for name in names if name.endswith(".c")}
