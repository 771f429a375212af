"""`python -m revurb.server.hub` is `python -m revurb.processes.hub`."""

from __future__ import annotations

import sys

from revurb.processes.hub import prepare_hub
from revurb.processes.supervised_process import run_child

if __name__ == "__main__":
    run_child(prepare_hub, sys.argv[1:])
