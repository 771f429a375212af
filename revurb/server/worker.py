"""`python -m revurb.server.worker` is `python -m revurb.processes.worker`."""

from __future__ import annotations

import sys

from revurb.processes.supervised_process import run
from revurb.processes.worker import serve

if __name__ == "__main__":
    run(serve, sys.argv[1:])
