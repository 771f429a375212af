import pytest

from tests.pusher.room import Room


@pytest.fixture
def room() -> Room:
    return Room()
