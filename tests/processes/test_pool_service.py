"""Which workers are told that the server is out of service, and when."""

from __future__ import annotations

from revurb.processes.pool_service import PoolService
from revurb.processes.supervision_link import Service


class Told:
    def __init__(self) -> None:
        self.orders: list[Service] = []

    def send(self, message: Service) -> None:
        self.orders.append(message)


def test_each_worker_is_told_once_also_one_that_comes_later() -> None:
    service, first, second, third = PoolService(), Told(), Told(), Told()
    service.tell([first])
    service.change(True, 5.0, [first])
    service.tell([first, second])
    service.tell([first, second])
    assert service.is_out
    assert first.orders == second.orders == [Service(True, 5.0)]
    service.change(False, None, [first, second])
    service.tell([first, second, third])
    assert first.orders[1:] == second.orders[1:] == [Service(False)]
    assert third.orders == []
    service.change(True, None, [third])
    assert third.orders == [Service(True)]
