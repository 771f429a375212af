from __future__ import annotations

import asyncio
import gc

import pytest

from revurb.inspection.kept_answers import MAX_ANSWERS, MIN_KEPT_S, SHARE, KeptAnswers


class Making:
    """Makes answers that cost `took_s`, and counts them."""

    def __init__(self, took_s: float = 0.0) -> None:
        self.took_s = took_s
        self.made = 0

    async def __call__(self) -> tuple[int, float]:
        self.made += 1
        await asyncio.sleep(0)
        return self.made, self.took_s


async def test_who_asks_meanwhile_waits_for_the_same() -> None:
    kept, make = KeptAnswers[int](), Making()
    assert await asyncio.gather(*(kept.get("a", make) for _ in range(5))) == [1] * 5
    assert await kept.get("b", make) == 2


@pytest.mark.parametrize(("took_s", "kept_s"), [(0.0, MIN_KEPT_S), (0.02, 0.02 / SHARE)])
async def test_an_answer_is_kept_until_it_has_cost_little(took_s: float, kept_s: float) -> None:
    now = 100.0
    kept, make = KeptAnswers[int](lambda: now), Making(took_s)
    assert await kept.get("a", make) == 1
    now += kept_s - 0.001
    assert await kept.get("a", make) == 1
    now += 0.002
    assert await kept.get("a", make) == 2


async def test_a_fault_is_not_kept() -> None:
    kept = KeptAnswers[int]()

    async def fail() -> tuple[int, float]:
        raise LookupError

    with pytest.raises(LookupError):
        await kept.get("a", fail)
    assert await kept.get("a", Making()) == 1


async def test_one_who_goes_away_takes_it_from_nobody() -> None:
    kept, make = KeptAnswers[int](), Making()
    first = asyncio.ensure_future(kept.get("a", make))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(kept.get("a", make))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1


async def test_only_so_many_are_kept() -> None:
    kept, make = KeptAnswers[int](), Making()
    for number in range(3 * MAX_ANSWERS):
        await kept.get(number, make)
    assert len(kept._answers) == MAX_ANSWERS


async def test_nothing_is_left_of_those_that_went_while_they_were_made() -> None:
    kept, make = KeptAnswers[list[str]](), Making()

    async def slowly() -> tuple[list[str], float]:
        await make()
        return ["an answer"], 0.0

    await asyncio.gather(*(kept.get(("filter", number), slowly) for number in range(5 * MAX_ANSWERS)))
    gc.collect()
    known = [each for each in gc.get_objects() if type(each) is tuple and each[:1] == ("filter",)]
    assert len(known) <= MAX_ANSWERS
