"""The start of a session with Redis: subscribe to everything, report everything, and catch up with the log."""

from __future__ import annotations

from collections.abc import Callable

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.catch_up import catch_up
from revurb.bus.redis.command_queue import CommandQueue
from revurb.bus.redis.link_memory import LinkMemory
from revurb.bus.redis.node_removal import NodeRemoval
from revurb.bus.redis.pace import Pace
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.state_report import ReportedState, report_state
from revurb.bus.redis.topic_subscriptions import ALL_NODES_TOPIC


class SessionStart:
    """`subscribe` is the listener's. `is_first` is the first session of this node, `is_new_redis` one with a Redis that
    has nothing from before; `missed` is how many gaps there were that no log can fill."""

    def __init__(
        self,
        memory: LinkMemory,
        scripts: Scripts,
        commands: CommandQueue,
        subscribe: Callable[[str, Callable[[], None]], None],
        *,
        is_first: bool,
        is_new_redis: bool,
        missed: int,
    ) -> None:
        self._memory = memory
        self._scripts = scripts
        self._commands = commands
        self._subscribe_channel = subscribe
        self._is_first = is_first
        self._is_new_redis = is_new_redis
        self._missed = missed
        self._waiting: set[str] = set()  # channels that are not subscribed to yet
        self._is_reported = False
        self.state = ReportedState()  # of this node; to be complete before `run`

    async def run(self, ledger: RedisLedger, removal: NodeRemoval) -> None:
        """Returns when everything is reported. The bus is welcomed later, when this node has caught up."""
        state = self.state
        if self._is_first and not state.report.channels:
            self._missed = 0  # nobody was here who could have missed anything
        if self._missed:  # ahead of what others have published since, which the log has
            self._memory.owner.receive((m.EventsMissed(self._missed, is_forgotten=True),))
        memory, pace = self._memory, Pace(self._commands)
        for key in memory.topics.all_keys():
            await pace.step()
            if key not in state.report.channels and key != ALL_NODES_TOPIC:
                memory.topics.remove(*key)
        self._subscribe(*ALL_NODES_TOPIC)
        await report_state(
            memory.node,
            state,
            ledger,
            removal,
            memory.barrier,
            pace,
            self._subscribe,
            is_new_redis=self._is_new_redis,
        )
        self._is_reported = True
        if not self._waiting:
            self._catch_up()

    def _subscribe(self, app_id: str, channel: str) -> None:
        topics, incoming = self._memory.topics, self._memory.incoming
        keys = self._memory.keys.topic(app_id, channel)
        topics.add(app_id, channel, incoming.newest(keys.partition))
        name = keys.channel
        self._waiting.add(name)
        self._subscribe_channel(name, lambda: self._subscribed(name))

    def _subscribed(self, name: str) -> None:
        self._waiting.discard(name)
        if self._is_reported and not self._waiting:
            self._catch_up()

    def _catch_up(self) -> None:
        memory = self._memory
        topics = memory.topics.by_partition()
        catch_up(topics, memory.keys, self._scripts, self._commands, memory.incoming, self._caught_up)

    def _caught_up(self) -> None:
        memory = self._memory
        if memory.incoming.is_behind:
            memory.incoming.read_on()
            self._catch_up()
            return
        memory.is_resyncing = False
        memory.owner.receive((m.Welcome(memory.epoch, 0),))
        memory.incoming.caught_up()
