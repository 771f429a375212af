"""What waits for one consumer."""

from __future__ import annotations

import asyncio

import pytest

from revurb.pusher_client.consumer_queue import Congestion, ConsumerQueue, Lost, discard_awaitable


def counted(items: list[int | Lost]) -> list[int | str]:
    return [f"lost {item.count}" if isinstance(item, Lost) else item for item in items]


def test_what_nobody_takes_is_counted_where_it_is_missing() -> None:
    queue: ConsumerQueue[int] = ConsumerQueue(2)
    for number in range(5):
        queue.put(number)
    assert queue.take_now() == 0
    assert queue.take_now() == 1
    queue.put(5)
    queue.put(6)
    assert counted(queue.drain()) == ["lost 3", 5, "lost 1"]


async def test_a_full_queue_is_waited_for_and_loses_nothing() -> None:
    congestion = Congestion()
    queue: ConsumerQueue[int] = ConsumerQueue(2, congestion)
    taken = []

    async def produce() -> None:
        for number in range(20):
            queue.put(number)
            await congestion.relieved()
        queue.close()

    producer = asyncio.create_task(produce())
    with pytest.raises(StopAsyncIteration):  # noqa: PT012
        while True:
            taken.append(await queue.take())
    await producer
    assert taken == list(range(20))


async def test_one_that_stays_full_drops_until_half_of_it_is_taken() -> None:
    congestion = Congestion(full_wait_s=0)
    queue: ConsumerQueue[int] = ConsumerQueue(4, congestion)
    for number in range(4):
        queue.put(number)
    await congestion.relieved()
    dropping = [queue.is_dropping]
    queue.put(4)
    queue.put(5)
    await congestion.relieved()  # is not waited for again
    assert [await queue.take() for _ in range(3)] == [0, 1, 2]
    dropping.append(queue.is_dropping)
    assert dropping == [True, False]
    queue.put(6)
    assert counted(queue.drain()) == [3, "lost 2", 6]


async def test_one_that_is_gone_holds_up_nobody() -> None:
    congestion = Congestion()
    queue: ConsumerQueue[int] = ConsumerQueue(1, congestion)
    queue.put(1)
    waiting = asyncio.create_task(congestion.relieved())
    await asyncio.sleep(0)
    queue.close()
    await waiting


async def test_the_end_comes_after_what_waits() -> None:
    queue: ConsumerQueue[int] = ConsumerQueue()
    queue.put(1)
    queue.close(KeyError("gone"))
    queue.put(2)
    assert await queue.take() == 1
    with pytest.raises(KeyError):
        await queue.take()


async def test_all_who_wait_are_told_of_the_end() -> None:
    queue: ConsumerQueue[int] = ConsumerQueue()

    async def ended() -> bool:
        try:
            await queue.take()
        except StopAsyncIteration:
            return True
        return False

    waiting = [asyncio.create_task(ended()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.close()
    assert await asyncio.gather(*waiting) == [True, True]


async def test_one_that_is_cancelled_takes_nothing() -> None:
    queue: ConsumerQueue[int] = ConsumerQueue()
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    queue.put(1)
    assert await queue.take() == 1


async def test_what_is_discarded_is_not_warned_of() -> None:
    async def work() -> None:
        raise AssertionError("it has begun")

    discard_awaitable(work())
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    discard_awaitable(future)
    assert future.cancelled()
