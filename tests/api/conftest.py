import pytest

from tests.api.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def occupied(desk: Desk) -> Desk:
    """Two clients on `pub`, one on `cache-c`, users 1 and 2 (two tabs) on `presence-r`."""
    clients = [desk.client(desk.app) for _ in range(3)]
    clients[0].subscribe("pub")
    clients[1].subscribe("pub")
    clients[0].subscribe("cache-c")
    clients[0].subscribe("presence-r", '{"user_id":"1"}')
    clients[1].subscribe("presence-r", '{"user_id":2}')
    clients[2].subscribe("presence-r", '{"user_id":2}')
    return desk
