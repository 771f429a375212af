"""The Debian package: it is built, and serves from where it is unpacked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.packages.tool import ROOT, passed


@pytest.mark.timeout(400)
def test_it_serves(tmp_path: Path) -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is missing: this is not Debian")
    passed("env", f"PYTHON={sys.executable}", ROOT / "packages" / "debian" / "build", tmp_path)
    (package,) = tmp_path.glob("revurb_*.deb")
    root = tmp_path / "root"
    passed("dpkg-deb", "--extract", package, root)
    assert os.readlink(root / "opt/revurb/bin/python3") == "/usr/bin/python3"
    assert (root / "opt/revurb/bin/revurb").read_text().startswith("#!/opt/revurb/bin/python")
    assert "passwd" in passed("dpkg-deb", "--field", package, "Depends")  # of useradd
    unit = (root / "usr/lib/systemd/system/revurb.service").read_text()
    assert "WorkingDirectory=/etc/revurb\n" in unit
    (modules,) = root.glob("opt/revurb/lib/python3.*/site-packages")
    server = subprocess.Popen(
        # Without what this interpreter has: the package has to bring everything.
        [sys.executable, "-S", "-m", "revurb", "serve", "--dev", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(modules), "REVURB_RUNTIME_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = next(filter(None, (re.search(r"listening on \S+?:(\d+)", line) for line in server.stdout)))
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/up", timeout=10) as response:
            assert response.status == 200
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode == 0
