"""`python -m revurb.server.hub` is `python -m revurb.processes.hub`."""

from __future__ import annotations

import sys

from revurb.processes.hub import serve
from revurb.processes.supervised_process import run

if __name__ == "__main__":
    run(serve, sys.argv[1:])
