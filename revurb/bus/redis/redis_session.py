"""One session with Redis, from connecting until something breaks: messages of the bus become commands, what Redis
publishes becomes messages.

Plan: connect, acquire a lease, subscribe, report everything (`Hello`), catch up with the log, and work until the end.
All collaborators are created for one session and end with it; `LinkMemory` outlives it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from revurb.bus.brokered import broker_messages as m
from revurb.bus.redis.cancellation import cancel_and_wait, run_to_end
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.connection_loans import ConnectionLoans
from revurb.bus.redis.count_demand import CountDemand
from revurb.bus.redis.event_publisher import EventPublisher
from revurb.bus.redis.keys import topic_of
from revurb.bus.redis.ledger_answers import LedgerAnswers
from revurb.bus.redis.ledger_facts import LedgerFacts
from revurb.bus.redis.ledger_queries import LedgerQueries
from revurb.bus.redis.link_memory import LinkMemory
from revurb.bus.redis.node_leases import NodeLeases
from revurb.bus.redis.node_notes import NodeNotes
from revurb.bus.redis.node_removal import NodeRemoval
from revurb.bus.redis.partition_agreement import agree_on_partitions
from revurb.bus.redis.redis_enters import RedisEnters
from revurb.bus.redis.redis_fact_queue import RedisFactQueue
from revurb.bus.redis.redis_heartbeat import LogTails
from revurb.bus.redis.redis_history import RedisHistory
from revurb.bus.redis.redis_ledger import RedisLedger
from revurb.bus.redis.scripts import Scripts
from revurb.bus.redis.session_start import SessionStart
from revurb.bus.redis.session_tasks import SessionTasks
from revurb.bus.redis.sharded_listener import listener
from revurb.bus.redis.shared_redis import LinkedRedis, SharedRedis, is_cluster
from revurb.bus.redis.work_queue import WorkQueue

_log = logging.getLogger(__name__)

OPENING_S = 8.0  # for everything before the session is up
AGAIN_S = 60.0  # between two sessions that begin because the nodes' common keys were lost


class RedisSession:
    """Created with a new client, which it closes at its end. `is_up` is True from when messages can be sent."""

    def __init__(self, redis: LinkedRedis, memory: LinkMemory) -> None:
        node, keys = memory.node, memory.keys
        owner = memory.owner
        self.is_up = False
        self._redis = redis
        self._memory = memory
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_leaving = False
        self._has_left = asyncio.Event()
        self._start: SessionStart | None = None

        def tell(message: m.FromBroker) -> None:
            owner.receive((message,))

        scripts = self._scripts = Scripts(sharded=is_cluster(redis))
        invalid = memory.invalid
        commands = self._commands = CommandQueue(
            redis, scripts, keys.leases, self.distrust, invalid, self._on_set_aside
        )
        self._work = WorkQueue(commands, lambda: self.break_off(RedisUnavailable("it does not keep up")))
        self._tasks = SessionTasks(lambda error: self.break_off(RedisUnavailable.because_of(error)))
        self._listener = listener(redis, self, memory.gate)
        facts = self._ledger_facts = LedgerFacts(
            memory.wanted, keys, scripts, commands, memory.events, memory.kept_ms
        )
        history = self._history = RedisHistory(keys, scripts, commands, memory.kept_ms, tell)
        self._ledger = RedisLedger(
            node, keys, scripts, commands, memory.events, memory.kept_ms, invalid, facts, history
        )  # fmt: skip
        queries = LedgerQueries(keys, scripts, commands, invalid)
        self._answers = LedgerAnswers(queries, history, self._tasks, tell)
        subscribe, unsubscribe = self._listener.subscribe, self._listener.unsubscribe
        self._enters = RedisEnters(memory, self._ledger, subscribe, self._answers.refuse)
        self._demand = CountDemand(keys, scripts, commands, subscribe, unsubscribe, tell)
        self._facts = RedisFactQueue(
            node, keys, scripts, commands, self._tasks, invalid, memory.lease_s, subscribe, unsubscribe, tell,
            self._answers.reply,
        )  # fmt: skip
        self._removal = NodeRemoval(keys, scripts, commands, self._ledger, invalid, facts)
        self._publisher = EventPublisher(
            node, keys, scripts, commands, memory.kept_ms, memory.taken,
            lambda seqs: tell(m.Accepted(seqs)),
        )  # fmt: skip
        self._notes = NodeNotes(node, keys, scripts, commands, tell, on_again=self._on_again, invalid=invalid)
        self._leases = NodeLeases(
            node, keys, scripts, commands, self._removal, self._notes, memory.lease_s, self._tasks, invalid,
            self.break_off,
        )  # fmt: skip
        self.loans = ConnectionLoans(
            keys, self._ledger, memory.connections, subscribe, self._answers.reply, self._answers.refuse,
            self._leases.is_certain,
        )  # fmt: skip

    # From opening to the end.

    async def run(self) -> None:
        """Open, and work until something breaks. Raises RedisUnavailable at its end, which says what."""
        self._memory.gate.open()
        opening = asyncio.get_running_loop().create_task(self._open())
        try:
            await asyncio.wait(
                (opening, self._broken), timeout=OPENING_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not self._broken.done():
                if not opening.done():
                    raise RedisUnavailable(f"no answer for {OPENING_S:.0f} s")
                self._begin(*opening.result())
            try:
                await self._broken
            except RedisUnavailable:
                await self._listener.read_rest()
                self._memory.incoming.session_ended()
                raise
        except RedisUnavailable as error:
            if not self.is_up:
                self.distrust(error)
            raise
        finally:
            await run_to_end(self._close(opening))

    async def _close(self, opening: asyncio.Task[tuple[str, list[LogTails], float]]) -> None:
        await cancel_and_wait(opening)
        self._broken.cancel()
        if not opening.cancelled():
            opening.exception()  # asyncio complains about one that nobody retrieves
        if self.is_up:
            self._publisher.session_ended()
        self._work.stop()
        self.loans.stop()
        self._facts.stop()
        self._ledger_facts.stop()
        await self._tasks.stop()
        await self._memory.heartbeat.stop()
        await self._leases.stop()
        await self._commands.stop()
        await self._listener.close()
        await self._redis.aclose()

    async def finish(self) -> None:
        """Wait until everything that was sent is done, the goodbye included."""
        await (self._has_left.wait() if self._is_leaving else self._commands.flush())

    def break_off(self, error: RedisUnavailable) -> None:
        """End the session."""
        if not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # asyncio complains about one that nobody retrieves, as `run` if it is cancelled

    def distrust(self, error: RedisUnavailable) -> None:
        """End the session, and the connections behind it if it shares them: they are of no use."""
        if isinstance(self._redis, SharedRedis):
            self._redis.distrust(str(error))
        self.break_off(error)

    async def _open(self) -> tuple[str, list[LogTails], float]:
        """Do everything that has to be waited for. Returns the epoch of this Redis, where its logs end, and when that
        was, in time.monotonic. Raises RedisUnavailable."""
        keys, heartbeat = self._memory.keys, self._memory.heartbeat
        await self._commands.load()
        await self._publisher.probe(self._redis)
        self._commands.start()
        await agree_on_partitions(self._leases, self._memory, is_cluster=is_cluster(self._redis))
        epoch = await self._leases.acquire()
        server_of = self._listener.server_of if is_cluster(self._redis) else None
        by_partition = self._publisher.by_partition
        tails = await heartbeat.open(self._commands, self._scripts, by_partition, server_of)
        tails_at = time.monotonic()
        await self._listener.open((keys.all_nodes, keys.inbox(self._memory.node), *heartbeat.channels))
        return epoch, tails, tails_at

    def _begin(self, epoch: str, tails: list[LogTails], tails_at: float) -> None:
        memory = self._memory
        is_first = not memory.epoch
        is_new_redis = not is_first and (epoch != memory.epoch or memory.is_resyncing)
        if is_new_redis:
            _log.warning("redis has lost its memory: what nobody else has is gone")
        memory.epoch, memory.is_resyncing = epoch, is_new_redis
        memory.incoming.reset(forget_positions=is_new_redis)
        missed = int(
            memory.heartbeat.begin(
                tails,
                self._listener.server_of,
                served_s=tails_at - memory.started_at if is_first else None,
                is_new_redis=is_new_redis,
            )
        )
        memory.incoming.catch_up()
        memory.barrier.reset()
        if is_new_redis:
            memory.barrier.close(self._work.run_first)
        self._start = SessionStart(
            memory,
            self._scripts,
            self._commands,
            self._listener.subscribe,
            is_first=is_first,
            is_new_redis=is_new_redis,
            missed=missed,
        )
        if not is_new_redis and self._leases.had_ended:
            memory.taken.forget()  # so are the numbers of this node's events
        self.is_up = True
        self._leases.start()
        memory.short_break.up(is_same_redis=not is_new_redis)

    # Messages from the bus.

    def send(self, message: m.FromWorker) -> None:
        """Do what a message asks for. Order is kept."""
        kind = type(message)
        if kind is m.Publish:
            self._publisher.publish(message)  # type: ignore[arg-type]
            return
        if kind is m.MarkGap:
            self._history.mark_gap(message)  # type: ignore[arg-type]  # ahead of the events that are published next
            return
        if kind is m.Enter:
            self._work.run(self._enters.enter, message)  # type: ignore[arg-type]
            return
        match message:
            case m.SurveyReply(id, answer):
                self._notes.answer(id, answer)
            case m.StatePart() | m.Hello():
                self._report(message)
            case m.Goodbye():
                self._is_leaving = True  # behind everything that waits, for which the end waits too
                self._work.run(self._do, message)
            case _:
                self._work.run(self._do, message)

    def _do(self, message: m.FromWorker) -> None:
        ledger, run_after_resync = self._ledger, self._memory.barrier.run
        match message:
            case m.SubscriberCount(app_id, channel, count):
                self._enters.follow(app_id, channel, lambda: ledger.set_count(app_id, channel, count))
            case m.Leave(app_id, channel, count, member):
                self._enters.follow(app_id, channel, lambda: ledger.leave(app_id, channel, member, count))
            case m.Unsubscribe(app_id, channel):
                self._enters.follow(app_id, channel, lambda: self._unsubscribe(app_id, channel))
            case m.ConnectionCount(app_id, _, count):
                self.loans.set_connections(app_id, count)
            case m.CountHeld():
                self._demand.hold(message)
            case m.CountTold():
                self._demand.told(message)
            case m.Report(report):
                ledger.report_channel(
                    report.app_id, report.channel, report.count, report.members, announce=False
                )
            case m.RecordFact() | m.FactsDone() | m.KeepForSender() | m.FactsReady():
                self._facts.handle(message)
            case m.Goodbye():
                self._facts.leave()
                self._tasks.start(self._leave())
            case m.StartSurvey(id, question):
                self._leases.count_live(lambda asked: self._answers.reply(id, asked))
                self._notes.ask_all(id, question)
            case m.Admit(id, app_id, limit):
                run_after_resync(lambda: self.loans.admit(id, app_id, limit))
            case _:
                run_after_resync(lambda: self._answers.answer(message))

    def _unsubscribe(self, app_id: str, channel: str) -> None:
        self._listener.unsubscribe(self._memory.topics.remove(app_id, channel))

    def _report(self, part: m.StatePart | m.Hello) -> None:
        start = self._start
        assert start is not None  # once messages can be sent
        start.state.add(part)
        if isinstance(part, m.Hello):
            self._memory.connections.clear()
            self._memory.connections.update(part.connections)
            self._work.hold()
            for event in self._memory.taken.again():
                self._publisher.publish(event)
            self._tasks.start(self._report_all(start))

    async def _report_all(self, start: SessionStart) -> None:
        """Report everything. Other work waits until that is done."""
        await start.run(self._ledger, self._removal)
        self._work.release()

    async def _leave(self) -> None:
        await self._publisher.drained()
        await self._leases.goodbye()
        self._has_left.set()

    # What is lost, and what cannot be used.

    def _on_set_aside(self, keys: Sequence[str]) -> None:
        topics = {topic_of(key) for key in keys}
        if None in topics:
            self._notes.ask_for_reports()
            return
        for topic in topics:
            self._notes.ask_for_report(str(topic))

    def _on_again(self) -> None:
        """Keys that all nodes have in common were lost: report again what this node holds."""
        now, before = time.monotonic(), self._memory.again_at
        if before is None or now - before > AGAIN_S:
            self._memory.again_at = now
            self.break_off(RedisUnavailable("keys that all nodes have in common were lost"))

    # What the listener calls (`PubSubHandler`).

    def on_message(self, channel: bytes, data: bytes) -> None:
        memory = self._memory
        topic = memory.topics.find_by_channel(channel)
        if topic is not None:
            memory.incoming.receive_event(topic, channel, data)
            return
        number = memory.topics.marker_partition_of(channel)
        if number is not None:
            memory.incoming.receive_marker(number, data)
        elif (
            self._demand.on_message(channel, data)
            or self.loans.on_message(channel, data)
            or self._facts.on_message(channel)
        ):
            return
        if channel in (memory.topics.all_nodes, memory.topics.inbox):
            self._notes.on_message(channel, data)
        else:
            memory.heartbeat.on_message(channel, data)

    def on_lost(self, error: RedisUnavailable) -> None:
        self.break_off(error)
