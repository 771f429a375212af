"""The options that stay as they are until the server is stopped: a restart of the workers cannot apply them."""

from __future__ import annotations

import logging

from revurb.config import Config
from revurb.config.error import MASK
from revurb.processes.cpus import worker_count

_log = logging.getLogger(__name__)


def refusal(before: Config, after: Config) -> str | None:
    """Why workers with the configuration `after` cannot take the place of those with `before`; None if they can."""
    if after.scaling.enabled != before.scaling.enabled:
        return "scaling.enabled has changed, and with it where the workers meet: stop and start"
    return None


def warn_of_changes(before: Config, after: Config, workers: int) -> None:
    """Log each changed option that is of no effect yet. `workers` is the number of workers in use."""
    old, new = before.server, after.server
    for key, in_use, configured in (
        ("server.host", old.host, new.host),
        ("server.port", old.port, new.port),
        ("server.unix_socket", old.unix_socket, new.unix_socket),
        ("admin.host", before.admin.host, after.admin.host),
        ("admin.port", before.admin.port, after.admin.port),
        ("admin.token", before.admin.token, after.admin.token),
        ("metrics.names", before.metrics.names, after.metrics.names),
        ("metrics.prefix", before.metrics.prefix, after.metrics.prefix),
        ("process.workers", workers, worker_count(after)),
    ):
        if in_use != configured:
            shown = {"in_use": in_use, "configured": configured}
            if key == "admin.token":
                shown = dict.fromkeys(shown, MASK)
            _log.warning(
                "option has changed, which a restart of the workers cannot do: stop and start",
                extra={"option": key, **shown},
            )
