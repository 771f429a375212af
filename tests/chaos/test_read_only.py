"""A server on a root file system that cannot be written, with no temporary folder: containers with --read-only."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import Need
from tests.processes.serving import serving

READ_ONLY = """
set -eu
mount --make-rprivate /
for folder in /tmp /var/tmp /run /dev/shm; do
    mount --rbind "$folder" "$folder"
    mount -o remount,bind,ro "$folder"
done
mount -o remount,bind,ro /
if touch /tmp/x /root/x 2>/dev/null; then exit 9; fi
exec "$@"
"""


@pytest.mark.parametrize("scaling", [False, True])
def test_several_workers_serve(need: Need, scaling: bool) -> None:
    as_root = () if os.getuid() == 0 else ("--user", "--map-root-user")
    prefix = (need("unshare"), *as_root, "--mount", "sh", "-c", READ_ONLY, "sh")
    environment = {
        "REVERB_SCALING_ENABLED": str(scaling),
        "REDIS_PORT": "1",  # nobody is there, and a node starts all the same
        "REVURB_RUNTIME_DIR": "/run/revurb-read-only",
    }
    with serving(Path("/"), "--workers", "2", prefix=prefix, environment=environment) as server:
        server.said(r"no control socket.* reason=/run/revurb-read-only: Read-only file system")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
