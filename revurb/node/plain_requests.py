"""Has plain requests answered without reading them: publishes (`api/plain_publishes.py`), and handshakes."""

from __future__ import annotations

import time

from revurb.api.answers import EMPTY
from revurb.api.asked_apps import AskedApps
from revurb.api.plain_publishes import PlainPublishes
from revurb.config import Config
from revurb.node.node_meter import NodeMeter
from revurb.pusher.triggering import Trigger
from revurb.transport.connections import Connections
from revurb.transport.handlers import Welcome


def answer_plainly(
    config: Config, apps: AskedApps, trigger: Trigger, meter: NodeMeter, connections: Connections
) -> None:
    """Have publishes of `connections` answered so. Where this Python has no OpenSSL to hash with, all are read."""
    limits = config.limits
    try:
        publishes = PlainPublishes(
            apps,
            trigger,
            path=config.server.path,
            signature_max_age_s=limits.signature_max_age_s,
            max_head_bytes=limits.max_head_size_bytes,
            max_body_bytes=limits.max_request_size_bytes,
            clock=time.time,
        )
    except RuntimeError:
        return
    connections.answer_plainly(meter.measured_plain(publishes.answer), EMPTY)


def welcome_plainly(welcome: Welcome, meter: NodeMeter, connections: Connections) -> None:
    """Have plain handshakes of `connections` answered by `welcome`, unless something needs to know whose each is."""
    if connections.identify is None:
        connections.welcome = meter.welcoming(welcome)
