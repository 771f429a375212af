from __future__ import annotations

from typing import cast

import pytest

from revurb.bus.engine import BusEngine
from revurb.node.file_limit import FileLimit
from revurb.node.readiness import Readiness
from revurb.transport.connections import Connections


class Circumstances:
    """What a node looks at."""

    def __init__(self, *, needs_bus: bool = False) -> None:
        self.readiness = Readiness(needs_bus=needs_bus)
        self.draining = self.reached = False
        self.degraded: str | None = None

    def reason(self, *, listening: bool = True) -> str | None:
        return self.readiness.reason(
            cast(Connections, self), cast(FileLimit, self), cast(BusEngine, self), listening=listening
        )


def test_each_reason() -> None:
    node = Circumstances()
    assert node.reason() is None
    assert node.reason(listening=False) == "not listening"
    node.reached = True
    assert node.reason(listening=False) == "no file descriptor is left"
    node.draining = True
    assert node.reason() == "draining"


def test_a_node_that_is_about_to_drain() -> None:
    node = Circumstances()
    node.readiness.is_about_to_drain = True
    assert node.reason() == "draining"


@pytest.mark.parametrize("asked", [True, False])
def test_a_bus_counts_until_it_was_connected_once(asked: bool) -> None:
    node = Circumstances()
    node.degraded = "redis disconnected"
    assert node.reason() == "redis disconnected"
    node.degraded = None
    if asked:
        assert node.reason() is None
    else:
        node.readiness.check(cast(BusEngine, node))
    node.degraded = "redis disconnected"
    assert node.reason() is None


def test_a_bus_that_another_process_of_the_server_was_connected_to() -> None:
    node = Circumstances()
    node.readiness = Readiness(needs_bus=False, has_joined=True)
    node.degraded = "redis disconnected"
    assert node.reason() is None
    node.readiness = Readiness(needs_bus=True, has_joined=True)
    assert node.reason() == "redis disconnected"


def test_a_bus_that_is_needed_always_counts() -> None:
    node = Circumstances(needs_bus=True)
    assert node.reason() is None
    node.degraded = "hub disconnected"
    assert node.reason() == "hub disconnected"
