"""`python -m revurb.server.worker` is `python -m revurb.processes.worker`."""

from __future__ import annotations

import sys

from revurb.processes.supervised_process import run_child
from revurb.processes.worker import prepare_worker

if __name__ == "__main__":
    run_child(prepare_worker, sys.argv[1:])
