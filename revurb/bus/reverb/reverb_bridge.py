"""A process's place on the channel of the PHP Reverb nodes, on a connection of its own.

Plan: each bridge subscribes, in one command, to the PHP nodes' channel and to one that only bridges subscribe to. How
many PHP nodes there are is then the difference of two numbers that Redis gives together (`PUBSUB NUMSUB`), from which a
bridge that dies is gone at once. Events go out only while there are any, and wait for a moment where Redis was lost and
is back: PHP nodes try again once a second.

What is published here comes back to its publisher and to all other bridges, who skip it by its mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from redis.asyncio import Redis

from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.pubsub_listener import PubSubListener
from revurb.bus.redis.scripts import Scripts
from revurb.bus.reverb import php, reverb_messages
from revurb.bus.reverb.metrics_answers import LocalQueries, MetricsAnswers
from revurb.bus.reverb.metrics_requests import MetricsRequests, Payload
from revurb.bus.reverb.reverb_messages import (
    InvalidReverbMessage,
    MetricsAnswer,
    MetricsQuestion,
    ReverbEvent,
    Terminate,
    UnreadableByPhp,
)
from revurb.bus.reverb.reverb_queue import ReverbQueue
from revurb.pusher.ports import PublishedEvent, Receiver

_log = logging.getLogger(__name__)

LOOK_S = 0.25  # a PHP node that comes is seen so soon; one that speaks at once
SILENT_AFTER_S = 8.0  # what is published to oneself does not come back
RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0
START_S = 3.0  # how long the start waits for Redis
RETURN_S = 5.0  # how long events wait, once Redis is back, for the PHP nodes to be
STOP_S = 3.0


class ReverbBridge:
    """Brings what PHP nodes say on `channel` to `receiver`, and tells them what this process has to say.

    `protocol`: "auto" speaks while a PHP node listens, "reverb" always; for "never" there is no bridge. `connect` and
    `prefix` are the Redis link's. `cached_for_s` says how many seconds the last event of a channel is remembered, 0 is
    not at all: PHP nodes keep theirs to themselves. Starts with `start`; `speak_for` comes before.
    """

    def __init__(
        self,
        node: str,
        connect: Callable[[], Redis],
        receiver: Receiver,
        *,
        channel: str = "reverb",
        protocol: Literal["auto", "reverb"] = "auto",
        prefix: str = "revurb",
        cached_for_s: Callable[[str], int] = lambda channel: 0,
    ) -> None:
        self.invalid_messages = 0  # messages that made no sense
        self.unsendable = 0  # what PHP nodes could not have read
        self.php_nodes = 0  # that listen
        self._node = node
        self._connect = connect
        self._receiver = receiver
        self._channel = channel
        self._always = protocol == "reverb"
        self._keys = Keys(prefix)
        self._cached_for_s = cached_for_s
        # Not below the prefix: nodes of several clusters may share one channel with PHP nodes.
        self._bridges = f"revurb:bridges:{channel}"
        self._inbox = f"revurb:bridge:{node}"
        self._answers: MetricsAnswers | None = None
        self._requests = MetricsRequests()
        self._outgoing = ReverbQueue(channel)
        self._commands: CommandQueue | None = None  # while Redis can be reached
        self._replies: CommandQueue | None = None  # the same, from before the first question can come
        self._listener: PubSubListener | None = None
        self._linked_at = self._heard_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def answer_from(self, local: LocalQueries) -> None:
        """What is answered to PHP nodes' questions."""
        self._answers = MetricsAnswers(local)

    async def start(self) -> None:
        """Connect; waits a moment for Redis, and goes on trying if it does not come."""
        loop = asyncio.get_running_loop()
        self._looked: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._stay())
        await asyncio.wait((self._looked,), timeout=START_S)

    async def stop(self) -> None:
        """End, behind what has been sent, and behind the answer to the last question that counts on one."""
        if self._commands is not None and self._listener is not None:
            self._listener.unsubscribe(self._channel)
            self._listener.unsubscribe(self._bridges)
            left = asyncio.Event()
            self._listener.subscribe(f"{self._inbox}:end", left.set)  # confirmed behind all that was heard
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await left.wait()
                    await self._commands.flush()
        await cancel_and_wait(self._task)

    @property
    def is_sending(self) -> bool:
        """Whether anybody is to be told anything."""
        return self.php_nodes > 0 or self._always or self._outgoing.is_holding

    @property
    def dropped(self) -> int:
        """Events that could not wait for PHP nodes any longer."""
        return self._outgoing.dropped

    # What this process says.

    def publish(self, event: PublishedEvent) -> asyncio.Future[None] | None:
        """Send PHP nodes a finished event for their clients; done when Redis has it."""
        if not self.is_sending:
            return None
        return self._say(lambda: reverb_messages.write_event(self._node, event))

    def on_member_event(self, event: PublishedEvent) -> None:
        """`publish`, as `MemberEvents.on_published`."""
        self.publish(event)

    def terminate(self, app_id: str, user_id: str) -> asyncio.Future[None] | None:
        """Have PHP nodes end a user's connections."""
        if not self.is_sending:
            return None
        return self._say(lambda: reverb_messages.write_terminate(self._node, app_id, user_id))

    async def ask(self, kind: str, app_id: str, options: Mapping[str, php.PhpWritable]) -> Sequence[Payload]:
        """What each PHP node answers; without those that take too long."""
        commands, key = self._commands, reverb_messages.new_key()
        if commands is None or not self.php_nodes:
            return ()
        try:
            question = reverb_messages.write_question(
                self._node, MetricsQuestion(key, app_id, kind, {}), options
            )
        except UnreadableByPhp:
            self._unsendable()
            return ()
        self._requests.ask(key)
        self._count(commands, lambda php_nodes: self._requests.expect(key, php_nodes))
        commands.run_command("PUBLISH", self._channel, question)
        return await self._requests.answers(key)

    def _say(self, write: Callable[[], bytes]) -> asyncio.Future[None] | None:
        try:
            message = write()
        except UnreadableByPhp:
            self._unsendable()
            return None
        return self._outgoing.add(message, self._commands)

    def _unsendable(self) -> None:
        self.unsendable += 1
        if self.unsendable == 1:
            _log.warning("an event was not sent to PHP nodes, which could not have read it")

    # What comes.

    def on_message(self, channel: bytes, data: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if channel != self._channel.encode():
            return
        try:
            message = reverb_messages.read(data)
            if message is not None:
                self._take(message)
                if (
                    not self.php_nodes
                    and self._commands is not None
                    and not isinstance(message, MetricsAnswer)
                ):
                    self._count(self._commands, self._counted)  # who speaks also listens
        except (InvalidReverbMessage, UnreadableByPhp):
            self.invalid_messages += 1
        except Exception:  # a fault of ours; the next message may do better
            self.invalid_messages += 1
            _log.exception("message of a PHP node not handled")

    def on_lost(self, error: RedisUnavailable) -> None:
        self._break(error)

    def _take(self, message: reverb_messages.ReverbMessage) -> None:
        match message:
            case ReverbEvent(app_id, events, except_socket_id, triggered):
                for channel, text in events:
                    if triggered:
                        self._remember(app_id, channel, text)
                    self._receiver.deliver(PublishedEvent(app_id, channel, text, except_socket_id))
            case Terminate(app_id, user_id):
                self._receiver.terminate(app_id, user_id)
            case MetricsQuestion(key):
                self._answer(key, message)
            case MetricsAnswer(key, payload):
                self._requests.answered(key, payload)

    def _answer(self, key: str, metric: MetricsQuestion) -> None:
        if self._answers is None or self._replies is None:
            return
        try:
            payload = self._answers.answer(metric)
        except Exception as error:
            payload = b"[]"  # for who asks waits for every answer, also for one that says nothing
            _log.warning("question of a PHP node not answered", extra={"reason": str(error)})
        self._replies.run_command("PUBLISH", self._channel, reverb_messages.write_answer(key, payload))

    def _remember(self, app_id: str, channel: str, text: bytes) -> None:
        ttl_s = self._cached_for_s(channel)
        if ttl_s and self._replies is not None:
            # Every bridge does so, in the order of the events: the last word is the last event's.
            self._replies.run_command("SET", self._keys.topic(app_id, channel).cached, text, "EX", ttl_s)

    # One connection after the other.

    async def _stay(self) -> None:
        retry_s, told = RETRY_FIRST_S, False
        while True:
            try:
                await self._live()
            except RedisUnavailable as error:
                if self._commands is not None or not told:
                    _log.warning(
                        "the channel of PHP nodes is out of reach, trying on", extra={"reason": str(error)}
                    )
                    told = True
            if self._commands is not None:
                retry_s, told = RETRY_FIRST_S, True
                self._unlinked()
            await asyncio.sleep(retry_s * random.uniform(0.5, 1))
            retry_s = min(retry_s * 2, RETRY_MAX_S)

    async def _live(self) -> None:
        """From connecting until something breaks. Raises RedisUnavailable at its end."""
        loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[None] = loop.create_future()
        redis = self._connect()
        commands = CommandQueue(redis, Scripts(), self._bridges, self._break)
        listener = PubSubListener(redis, self)
        watch: asyncio.Task[None] | None = None
        try:
            commands.start()
            self._replies = commands
            try:
                await listener.open((self._channel, self._bridges, self._inbox))
            except RedisUnavailable:
                if self._broken.done():
                    await self._broken  # which says more: that an ACL does not allow it, say
                raise
            self._linked_at = self._heard_at = loop.time()
            self._commands, self._listener = commands, listener
            watch = loop.create_task(self._watch(commands))
            await self._broken
        finally:
            self._replies = self._listener = None
            if not self._broken.cancel() and not self._broken.cancelled():
                self._broken.exception()  # it may have come before anyone waited for it
            await cancel_and_wait(watch)
            await commands.stop()
            await listener.close()
            await redis.aclose()

    def _unlinked(self) -> None:
        self._commands = None
        self._outgoing.disconnected(self.is_sending)
        self._requests.finish_all()

    def _break(self, error: RedisUnavailable) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)

    # Who is there.

    async def _watch(self, commands: CommandQueue) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._count(commands, self._counted)
            silent_s = loop.time() - self._heard_at
            if silent_s > SILENT_AFTER_S / 4:
                commands.run_command("PUBLISH", self._inbox, b"")
            await asyncio.sleep(LOOK_S)
            if silent_s > SILENT_AFTER_S:
                self._break(RedisUnavailable(f"nothing has come back for {SILENT_AFTER_S:.0f} s"))
                return

    def _count(self, commands: CommandQueue, then: Callable[[int], None]) -> None:
        def counted(reply: Any) -> None:
            then(max(0, int(reply[1]) - int(reply[3])))

        commands.run_command("PUBSUB", "NUMSUB", self._channel, self._bridges, done=counted)

    def _counted(self, php_nodes: int) -> None:
        before, self.php_nodes = self.php_nodes, php_nodes
        if php_nodes > before:
            _log.info(
                "a PHP Reverb node listens on channel %s", self._channel, extra={"php_nodes": php_nodes}
            )
        elif php_nodes < before:
            _log.info(
                "a PHP Reverb node has gone from channel %s", self._channel, extra={"php_nodes": php_nodes}
            )
        if self._outgoing.is_holding:
            self._release()
        if not self._looked.done():
            self._looked.set_result(None)

    def _release(self) -> None:
        """Redis is back: send what waits, when the PHP nodes are back too."""
        if not self.php_nodes and asyncio.get_running_loop().time() - self._linked_at < RETURN_S:
            return
        self._outgoing.release(self._commands if self.php_nodes or self._always else None)
