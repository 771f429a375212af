"""A count that a node holds is asked for, told, and waited for, on a real Redis."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.count_demand import CountDemand
from revurb.bus.redis.pubsub_listener import PubSubListener
from tests.bus.redis.ledgers import APP, KEYS, Ledgers, ledgers
from tests.redis_server import RedisServer


class HoldingNode:
    """A node whose subscribers of "room" have become `count`, and that has not told that."""

    def __init__(self, made: Ledgers, name: str, count: int = 1, *, answers: bool = True) -> None:
        self.name = name
        self.count = count
        self.answers = answers
        self.wanted: list[m.CountWanted] = []
        self.made = made
        assert isinstance(made.redis, Redis)
        self.listener = PubSubListener(made.redis, self)
        self.demand = CountDemand(
            KEYS, made.scripts, made.commands, self.listener.subscribe, self.listener.unsubscribe, self._tell
        )

    async def listen(self) -> None:
        await self.listener.open(())
        self.demand.hold(m.CountHeld(APP, "room", True))
        await self.listening(True)

    async def listening(self, expected: bool) -> None:
        channel = KEYS.count_demand(APP, "room").untold
        async with asyncio.timeout(10):
            while ((await self.made.redis.pubsub_numsub(channel))[0][1] > 0) != expected:
                await asyncio.sleep(0.005)

    def _tell(self, wanted: m.CountWanted) -> None:
        self.wanted.append(wanted)
        if self.answers:
            self.made.of(self.name).set_count(APP, "room", self.count)
            self.demand.told(m.CountTold(*wanted_of(wanted)))

    def on_message(self, channel: bytes, data: bytes) -> None:
        assert self.demand.on_message(channel, data)

    def on_lost(self, error: Exception) -> None:
        raise error


def wanted_of(wanted: m.CountWanted) -> tuple[str, str, int]:
    return wanted.app_id, wanted.channel, wanted.round


async def subscribers(made: Ledgers) -> int:
    [state] = await made.queries.states(APP, ["room"])
    return state.subscription_count


async def test_a_question_waits_for_those_that_have_untold_changes(server: RedisServer) -> None:
    async with ledgers(server) as made:
        made.of("quiet").set_count(APP, "room", 5)
        assert await subscribers(made) == 5
        nodes = [HoldingNode(made, f"n{number}", count) for number, count in enumerate((10, 200, 3000))]
        for node in nodes:
            await node.listen()
        assert await subscribers(made) == 3215
        assert [len(node.wanted) for node in nodes] == [1, 1, 1]
        for node in nodes:
            node.demand.hold(m.CountHeld(APP, "room", False))
        await nodes[0].listening(False)
        await asyncio.gather(*[subscribers(made) for _ in range(20)])
        assert [len(node.wanted) for node in nodes] == [1, 1, 1], "who has told everything is not asked"
        for node in nodes:
            await node.listener.close()


async def test_many_questions_are_one_for_those_who_have_to_tell(server: RedisServer) -> None:
    async with ledgers(server) as made:
        node = HoldingNode(made, "n1", 7)
        await node.listen()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert set(await asyncio.gather(*[subscribers(made) for _ in range(300)])) == {7}
        rounds = 1 + (loop.time() - began) // 0.05
        assert 1 <= len(node.wanted) <= rounds
        await node.listener.close()


async def test_nobody_waits_long_for_a_node_that_says_nothing(server: RedisServer) -> None:
    async with ledgers(server) as made:
        node = HoldingNode(made, "n1", 7, answers=False)
        made.of("n2").set_count(APP, "room", 1)
        await node.listen()
        assert await subscribers(made) == 1
        assert node.wanted
        await node.listener.close()


async def test_a_late_answer_does_not_count_for_another_round(server: RedisServer) -> None:
    async with ledgers(server) as made:
        asked = KEYS.count_demand(APP, "room").asked
        await made.redis.hset(asked, mapping={"round": "100", "left": "2"})
        node = HoldingNode(made, "n1")
        node.demand.told(m.CountTold(APP, "room", 99))
        await made.commands.flush()
        assert await made.redis.hget(asked, "left") == b"2"
        node.demand.told(m.CountTold(APP, "room", 100))
        await made.commands.flush()
        assert await made.redis.hget(asked, "left") == b"1"
        node.demand.told(m.CountTold(APP, "gone", 100))
        await made.commands.flush()
        assert not await made.redis.exists(KEYS.count_demand(APP, "gone").asked)


async def test_a_question_that_somebody_made_up_keeps_nobody_waiting(server: RedisServer) -> None:
    async with ledgers(server) as made:
        made.of("n1").set_count(APP, "room", 3)
        asked = KEYS.count_demand(APP, "room").asked
        for round in ("1", "9999999999999", "text", ""):
            await made.redis.hset(asked, mapping={"round": round, "left": "5"})
            [state] = await made.queries.states(APP, ["room"])
            assert state.subscription_count == 3
            assert not await made.redis.exists(asked)
        await made.redis.set(asked, "text")
        assert await subscribers(made) == 3
        assert not await made.redis.exists(asked)


async def test_connections_are_asked_for_as_well(server: RedisServer) -> None:
    async with ledgers(server) as made:
        demand = KEYS.count_demand(APP, "")
        made.of("n1").set_connections(APP, 4)
        assert await made.queries.connections(APP) == 4
        assert not await made.redis.exists(demand.asked)
        node = HoldingNode(made, "n2", answers=False)
        await node.listener.open(())
        node.demand.hold(m.CountHeld(APP, "", True))
        async with asyncio.timeout(10):
            while not (await made.redis.pubsub_numsub(demand.untold))[0][1]:
                await asyncio.sleep(0.005)
        assert await made.queries.connections(APP) == 4
        assert {(each.app_id, each.channel) for each in node.wanted} == {(APP, "")}
        await node.listener.close()


async def test_what_is_no_question_is_passed_over(server: RedisServer) -> None:
    async with ledgers(server) as made:
        node = HoldingNode(made, "n1")
        await node.listen()
        channel = KEYS.count_demand(APP, "room").untold.encode()
        for data in (b"", b"-1", b"1e3", b"9" * 17, "٣".encode()):
            assert node.demand.on_message(channel, data)
        assert not node.wanted
        assert not node.demand.on_message(channel + b"x", b"1")
        await node.listener.close()
