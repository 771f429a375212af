"""The hub: the broker of the workers of one host, in a process that the supervisor starts as
`python -m revurb.processes.hub`.

It reads no configuration: what it needs is on its command line, so that it can be replaced also while a file is at
fault. It goes when the last worker has gone, so that those that drain stay together, also without a supervisor.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from revurb.bus.hub.broker import Broker
from revurb.bus.hub.hub_server import HubServer
from revurb.node.member_event_texts import MEMBER_EVENTS
from revurb.observe.logs import configure_logging
from revurb.processes.supervised_process import TOLD, SupervisedProcess, run
from revurb.processes.supervision_link import Heartbeat

_log = logging.getLogger("revurb.processes.hub")  # __name__ is __main__

LEASE_S = 5.0  # a worker whose loop turns is heard every second
LEAVE_S = 5.0


async def serve(supervised: SupervisedProcess, arguments: Sequence[str]) -> None:
    """Be the hub until told to leave."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--socket", required=True, help="path of the Unix socket")
    parser.add_argument(
        "--workers", type=int, required=True, help="how many there are that lost their hub and will come"
    )
    parser.add_argument("--log-format", required=True)
    parser.add_argument("--log-level", required=True)
    given = parser.parse_args(arguments)
    configure_logging(given.log_format, given.log_level, worker="hub")
    clock = asyncio.get_running_loop().time
    broker = Broker(MEMBER_EVENTS, clock, lease_s=LEASE_S, expected_workers=given.workers)
    server = HubServer(broker, given.socket)
    await server.start()
    supervised.ready(LEAVE_S, Heartbeat)
    _log.info("hub is ready")

    why = await supervised.leave
    if why != TOLD:  # which says so when its workers have ended
        await _abandoned(server, supervised)
    await server.stop()
    _log.info("hub ends", extra={"told_by": why})


async def _abandoned(server: HubServer, supervised: SupervisedProcess) -> None:
    """Until there are no workers any more, or it cannot wait."""
    empty, now = (asyncio.ensure_future(event.wait()) for event in (server.empty, supervised.now))
    await asyncio.wait((empty, now), return_when=asyncio.FIRST_COMPLETED)
    empty.cancel()
    now.cancel()


if __name__ == "__main__":
    run(serve, sys.argv[1:])
