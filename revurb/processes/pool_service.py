"""Whether the workers of a server are in service: `revurb drain` takes all of them out, also those that start
meanwhile, and brings them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from revurb.processes.supervision_link import Service


class ServingChild(Protocol):
    """What is needed of a worker."""

    def send(self, message: Service) -> None: ...


class PoolService:
    """The order that is in force. Each worker is told once."""

    def __init__(self) -> None:
        self._order = Service(is_out=False)
        self._told: list[ServingChild] = []

    @property
    def is_out(self) -> bool:
        return self._order.is_out

    def change(self, is_out: bool, over_s: float | None, serving: Sequence[ServingChild]) -> None:
        """Take the workers out of service, with their clients closed evenly over `over_s` seconds, or bring them
        back."""
        self._order = Service(is_out, over_s)
        self._told.clear()
        if is_out:
            self.tell(serving)
        else:
            for child in serving:
                child.send(self._order)

    def tell(self, serving: Sequence[ServingChild]) -> None:
        """To be called when other workers serve than before."""
        if self._order.is_out:
            for child in serving:
                if child not in self._told:
                    child.send(self._order)
            self._told = list(serving)
