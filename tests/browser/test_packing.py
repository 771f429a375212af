"""The npm package in `revurb/browser/`: its files are current, small and complete."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

import revurb
from tests.browser.packing import BROWSER, packed, umd
from tests.conftest import Need

MAX_SIZE_BYTES = 3072
SOURCES = ("resume.mjs", "resume.umd.js")


def test_what_is_made_is_current() -> None:
    for path, text in packed().items():
        assert path.read_text("utf-8") == text, f"{path.name}: make docs"


@pytest.mark.parametrize(
    "source", ["", "\nexport function other() {}\n", "import 'x';\nexport function resume() {}"]
)
def test_another_form_of_module_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="must export"):
        umd("// A module.\n" + source)


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_small(name: str) -> None:
    assert len(gzip.compress((BROWSER / name).read_bytes(), 9)) < MAX_SIZE_BYTES


def test_the_package_has_what_it_names(need: Need, tmp_path: Path) -> None:
    package = json.loads((BROWSER / "package.json").read_text())
    assert package["version"] == revurb.__version__
    assert not package.keys() & {"dependencies", "peerDependencies", "scripts"}
    done = subprocess.run(
        [need("npm"), "pack", "--silent", "--pack-destination", tmp_path, str(BROWSER)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = subprocess.run(
        ["tar", "-tzf", done.stdout.strip()], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split()
    named = {f"package/{name}" for name in (*package["files"], "package.json", "README.md")}
    assert set(listed) == named
    for entry in package["exports"]["."].values():
        assert {f"package/{path.removeprefix('./')}" for path in entry.values()} <= named


@pytest.mark.parametrize(
    "program",
    [
        'const { resume } = require("revurb-resume"); console.log(typeof resume)',
        'import("revurb-resume").then(({ resume }) => console.log(typeof resume))',
        # As a script of a page, and as an AMD module.
        'const page = { self: {} }; const text = require("fs").readFileSync(process.argv[1], "utf8");'
        'require("vm").runInNewContext(text, page); console.log(typeof page.self.Revurb.resume)',
        "const made = {}; const define = (names, make) => make(made); define.amd = {};"
        'const text = require("fs").readFileSync(process.argv[1], "utf8");'
        'require("vm").runInNewContext(text, { self: {}, define }); console.log(typeof made.resume)',
    ],
)
def test_it_loads_without_a_build(need: Need, tmp_path: Path, program: str) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "revurb-resume").symlink_to(BROWSER)
    done = subprocess.run(
        [need("node"), "-e", program, str(BROWSER / "resume.umd.js")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("function\n", "")
