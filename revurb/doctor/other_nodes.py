"""Check of the other nodes of the cluster: joins it, surveys it, and reports each node that answers."""

from __future__ import annotations

import time

from revurb.config import Config
from revurb.doctor.finding import Finding
from revurb.node.cluster_survey import survey_cluster


async def check_other_nodes(config: Config) -> list[Finding]:
    """One finding for the survey, and one for each node that answered it."""
    started_at = time.perf_counter()
    try:
        statuses = await survey_cluster(config)
    except TimeoutError:
        return [Finding("wrong", "probe", "this process could not join", "See what the log of a node says.")]
    took_ms = (time.perf_counter() - started_at) * 1000
    if not statuses:
        return [
            Finding("warning", "nodes", "none answered", "Is one running, with the same REVURB_REDIS_PREFIX?")
        ]
    return [
        Finding("ok", "nodes", f"{len(statuses)} answered; joining and asking took {took_ms:.0f} ms"),
        *(
            Finding(
                "ok" if status.state == "ready" else "warning",
                f"  {status.host} {status.pid}",
                f"{status.state}, {status.connections} connections, Revurb {status.version}",
                "It takes no new clients at present.",
            )
            for status in statuses
        ),
    ]
