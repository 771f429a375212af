import asyncio
from typing import Any, cast

import pytest

from revurb.bus.redis import short_break
from revurb.bus.redis.short_break import ShortBreak


class Owner:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.changed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        def tell() -> None:
            self.told.append(name)
            self.changed.set()

        return tell


@pytest.fixture
def owner() -> Owner:
    return Owner()


def break_of(owner: Owner) -> ShortBreak:
    return ShortBreak(cast(Any, owner))


async def test_a_first_link_is_no_break(owner: Owner) -> None:
    one = break_of(owner)
    one.is_outage()
    one.up(is_same_redis=True)
    assert owner.told == ["linked"]


async def test_a_link_that_is_back_at_once_was_never_gone(owner: Owner) -> None:
    one = break_of(owner)
    one.up(is_same_redis=True)
    for _ in range(2):
        one.begin()
        one.up(is_same_redis=True)
    assert owner.told == ["linked", "relinked", "relinked"]


async def test_another_redis_has_lost_what_was_on_its_way(owner: Owner) -> None:
    one = break_of(owner)
    one.begin()
    one.up(is_same_redis=False)
    assert owner.told == ["unlinked", "linked"]


async def test_what_is_not_back_at_once_is_an_outage(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    one = break_of(owner)
    one.begin()
    one.is_outage()
    one.is_outage()
    one.up(is_same_redis=True)
    assert owner.told == ["unlinked", "linked"]
    monkeypatch.setattr(short_break, "MAX_BREAK_S", 0.01)
    owner.changed.clear()
    one.begin()
    async with asyncio.timeout(5):
        await owner.changed.wait()
    assert owner.told[2:] == ["unlinked"]


async def test_a_link_that_is_stopped_tells_nothing(owner: Owner) -> None:
    one = break_of(owner)
    one.begin()
    one.cancel()
    one.is_outage()
    assert owner.told == []
