"""Starts the admin listener of a server, if one is configured.

What makes the text for Prometheus is imported here: it takes 3 MiB, which a server without the listener need not have.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from revurb.config import Config
from revurb.transport.listener import ListenError, bind_tcp

if TYPE_CHECKING:
    from revurb.console.admin_listener import AdminListener
    from revurb.console.admin_routes import AdminSource

_log = logging.getLogger(__name__)


async def start_admin(config: Config, source: AdminSource, port: int) -> AdminListener | None:
    """Listen for those who run the server, which listens for its clients on `port`. None without `admin.port`. Raises
    ListenError if an address cannot be bound."""
    admin = config.admin
    if admin.port is None:
        return None
    from revurb.console.admin_listener import AdminListener
    from revurb.console.admin_routes import AdminRoutes
    from revurb.observe.exposition import MetricNames

    names = MetricNames(config.metrics.names, config.metrics.prefix, port)
    listener = AdminListener(AdminRoutes(source, token=admin.token, names=names).answer)
    try:
        sockets = bind_tcp(admin.hosts, admin.port)
    except ListenError as error:
        raise ListenError(
            f"{error}, for the admin listener (REVURB_ADMIN_HOST, REVURB_ADMIN_PORT)"
        ) from error
    await listener.start(sockets)
    _log.info("admin listener is ready", extra={"host": admin.host, "port": listener.port})
    return listener
