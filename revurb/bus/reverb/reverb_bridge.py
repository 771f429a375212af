"""A node's membership in the channel of the PHP Reverb nodes, over a Redis connection of its own.

What PHP nodes publish there reaches this node's clients. What this node publishes reaches theirs, for as long as any
PHP node is subscribed. After Redis was lost, or away at the start, and is back, events wait a moment for the PHP nodes,
which reconnect once a second.

What a bridge publishes comes back to itself and to all other bridges. They skip it by its "origin" mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from redis.asyncio import Redis

from revurb.bus.brokered.reconnect_backoff import ReconnectBackoff
from revurb.bus.redis.cancellation import cancel_and_wait
from revurb.bus.redis.command_queue import CommandQueue, RedisUnavailable
from revurb.bus.redis.keys import Keys
from revurb.bus.redis.outage_log import OutageLog
from revurb.bus.redis.receiving_gate import ReceivingGate
from revurb.bus.redis.shared_redis import SharedRedis
from revurb.bus.reverb import php, reverb_messages
from revurb.bus.reverb.message_parts import InvalidReverbMessage
from revurb.bus.reverb.metrics_answers import LocalQueries, MetricsAnswers
from revurb.bus.reverb.metrics_messages import (
    MetricsAnswer,
    MetricsQuestion,
    around_answer,
    new_key,
    write_question,
)
from revurb.bus.reverb.metrics_requests import MetricsRequests, Payload
from revurb.bus.reverb.php_json import UnreadableByPhp
from revurb.bus.reverb.php_release import HeardReleases, PhpRelease
from revurb.bus.reverb.reverb_connection import ReverbChannels, ReverbConnection
from revurb.bus.reverb.reverb_messages import AskedByRevurb, ReverbEvent, Terminate
from revurb.bus.reverb.reverb_queue import ReverbQueue
from revurb.pusher.ports import PublishedEvent, Receiver

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0
START_S = 3.0  # how long `start` waits for Redis
PHP_RETURN_S = 5.0  # how long events wait for the PHP nodes once Redis is back
STOP_S = 3.0  # how long `stop` waits for Redis
_MAX_REASON_CHARS = 200
MAX_ANSWERS_BYTES = 8 * 1024 * 1024  # that wait for Redis


class ReverbBridge:
    """Passes what PHP nodes publish on `channel` to `receiver`, and publishes there what their clients need.

    With the `protocol` "auto" it publishes while a PHP node is subscribed, with "reverb" always. `connect` makes a
    client; `keys` are those of the Redis link. `cached_for_s` gives how many seconds the last event of a channel
    is cached, 0 for not at all: PHP nodes do not share theirs. `release` is what the operator says of the PHP nodes, as
    for `HeardReleases`. They are told nothing of `hidden` channels. `answer_from` must be called before `start`.
    """

    def __init__(
        self,
        node: str,
        connect: Callable[[], Redis | SharedRedis],
        receiver: Receiver,
        *,
        channel: str = "reverb",
        protocol: Literal["auto", "reverb"] = "auto",
        keys: Keys | None = None,
        cached_for_s: Callable[[str], int] = lambda channel: 0,
        release: Literal["auto", "1.6", "1.7"] = "auto",
        hidden: Callable[[str], bool] = lambda channel: False,
    ) -> None:
        self.invalid_messages = 0  # on the channel, that could not be read or used
        self.unsendable = 0  # events that PHP nodes could not have read
        self.unanswered = 0  # questions that came faster than Redis takes answers
        self.php_nodes = 0  # how many are subscribed
        self._has_seen_php_nodes = False
        self._node = node
        self._connect = connect
        self._receiver = receiver
        self._channel = channel
        self._always = protocol == "reverb"
        self._keys = keys or Keys("revurb")
        self._cached_for_s, self._hidden = cached_for_s, hidden
        self._channels = ReverbChannels.of(channel, node)
        self._answers: MetricsAnswers | None = None
        self._requests = MetricsRequests()
        self._releases = HeardReleases(release)
        self._logged_kinds: set[str] = set()  # of invalid messages
        self._unasked_reason: str | None = None  # why no question was asked, as it was logged last
        self._queue = ReverbQueue(channel)
        self._connection: ReverbConnection | None = None  # questions are answered on it before it is up
        self._commands: CommandQueue | None = None  # its commands, while it is up
        self._connected_at = 0.0
        self._gate = ReceivingGate()
        self._task: asyncio.Task[None] | None = None

    def answer_from(self, local: LocalQueries) -> None:
        """Answer PHP nodes' questions from `local`."""
        self._answers = MetricsAnswers(local, self._hidden)

    async def start(self) -> None:
        """Connect. Waits at most START_S seconds for Redis, and goes on trying in the background."""
        loop = asyncio.get_running_loop()
        self._counted_once: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._stay_connected())
        await asyncio.wait((self._counted_once,), timeout=START_S)
        if not self._counted_once.done():
            self._queue.is_holding = True  # until it is known whether PHP nodes are there

    async def stop(self) -> None:
        """Disconnect, when everything is sent and the last question that counts on this node is answered."""
        self._gate.open()
        if self._commands is not None and self._connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._connection.leave()
        await cancel_and_wait(self._task)

    def hold_receiving(self, is_held: bool) -> None:
        """Receive nothing more of PHP nodes for as long as `is_held`. Where 32 MB wait in Redis for it, Redis ends the
        connection, and what PHP nodes published until the next one is lost: they keep no log."""
        if is_held and self._commands is not None:
            self._gate.close()
        else:
            self._gate.open()

    @property
    def is_sending(self) -> bool:
        """Whether events are sent to PHP nodes, or kept for them."""
        return self.php_nodes > 0 or self._always or self._queue.is_holding

    @property
    def dropped(self) -> int:
        """Events that could not wait for the PHP nodes any longer."""
        return self._queue.dropped

    # What this node sends.

    def publish(self, event: PublishedEvent) -> asyncio.Future[None] | None:
        """Send PHP nodes a finished event for their clients. Returns what is done when Redis has it; None if it is not
        sent now."""
        if not self.is_sending or self._hidden(event.channel):
            return None
        return self._send(lambda: reverb_messages.write_event(self._node, event))

    def on_member_event(self, event: PublishedEvent) -> None:
        """Send a member event; as the on_published of the bus's MemberEvents."""
        self.publish(event)

    def terminate(self, app_id: str, user_id: str) -> asyncio.Future[None] | None:
        """Have PHP nodes close a user's connections. Returns as `publish` does."""
        if not self.is_sending:
            return None
        return self._send(lambda: reverb_messages.write_terminate(self._node, app_id, user_id))

    async def ask(self, kind: str, app_id: str, options: Mapping[str, php.PhpWritable]) -> Sequence[Payload]:
        """Ask every PHP node. Returns the answers that come within the deadline of `MetricsRequests`; none if there is
        no form in which all of them may be asked, which is logged."""
        connection, key, form = self._connection, new_key(), self._releases.form
        if connection is None or self._commands is None or not self.php_nodes:
            return ()
        if form is None:
            self._log_unasked()
            return ()
        try:
            question = write_question(self._node, MetricsQuestion(key, app_id, kind, {}, form), options)
        except UnreadableByPhp:
            self._count_unsendable()
            return ()
        self._requests.open(key)
        connection.count_php_nodes(lambda php_nodes: self._requests.expect(key, php_nodes))
        connection.commands.run_command("PUBLISH", self._channel, question)
        return await self._requests.answers(key)

    def _log_unasked(self) -> None:
        reason = self._releases.why_none
        if reason != self._unasked_reason:
            self._unasked_reason = reason
            _log.warning("counts leave out what PHP nodes have", extra={"reason": reason})

    def _send(self, write: Callable[[], bytes]) -> asyncio.Future[None] | None:
        try:
            message = write()
        except UnreadableByPhp:
            self._count_unsendable()
            return None
        return self._queue.add(message, self._commands)

    def _count_unsendable(self) -> None:
        self.unsendable += 1
        if self.unsendable == 1:
            _log.warning("an event was not sent to PHP nodes, which could not have read it")

    # What comes from PHP nodes.

    def _on_php_message(self, data: bytes) -> None:
        try:
            message = reverb_messages.read(data)
            if message is not None:
                self._handle(message)
                if (
                    not self.php_nodes
                    and self._commands is not None
                    and self._connection is not None
                    and not isinstance(message, MetricsAnswer | AskedByRevurb)
                ):
                    self._connection.count_php_nodes(self._on_php_nodes)  # its sender is subscribed, too
        except InvalidReverbMessage as error:
            self._count_invalid(error.kind, error)
        except UnreadableByPhp as error:
            self._count_invalid("unreadable by PHP", error)
        except Exception:  # a fault of this node: the next message may be handled
            self.invalid_messages += 1
            _log.exception("message of a PHP node not handled")

    def _count_invalid(self, kind: str, reason: object) -> None:
        """Log the first message of each of the few kinds."""
        self.invalid_messages += 1
        if kind not in self._logged_kinds:
            self._logged_kinds.add(kind)
            _log.warning(
                "a message on the channel of PHP nodes cannot be read; others of this kind are only counted",
                extra={"channel": self._channel, "reason": str(reason)[:_MAX_REASON_CHARS]},
            )

    def _handle(self, message: reverb_messages.ReverbMessage) -> None:
        match message:
            case ReverbEvent(app_id, events, except_socket_id, triggered, release):
                self._hear(release)
                for channel, text in events:
                    if triggered:
                        self._cache_event(app_id, channel, text)
                    elif self._hidden(channel):  # any client of a PHP node may have sent it
                        continue
                    self._receiver.deliver(PublishedEvent(app_id, channel, text, except_socket_id))
            case Terminate(app_id, user_id, release):
                self._hear(release)
                self._receiver.terminate(app_id, user_id)
            case MetricsQuestion(form=PhpRelease.OLD):
                self._hear(PhpRelease.OLD)
                self._answer(message)
            case MetricsQuestion():
                self._releases.hear_new_question()
                self._answer(message)
            case MetricsAnswer(key, payload, form):
                self._hear(form if form is PhpRelease.OLD else None)  # a new one may be a Revurb node's
                if not self._requests.on_answer(key, payload):
                    self._count_invalid("an answer", "an answer that is neither a JSON list nor an object")
            case AskedByRevurb(form):
                self._hear(form)

    def _hear(self, release: PhpRelease | None) -> None:
        if release is not None:
            self._releases.hear(release)

    def _answer(self, question: MetricsQuestion) -> None:
        if self._answers is None or self._connection is None:
            return
        try:
            payload = self._answers.answer(question)
        except Exception as error:
            payload = b"[]"  # the asker waits for an answer of every subscriber, even an empty one
            _log.warning("question of a PHP node not answered", extra={"reason": str(error)})
        if self._connection.commands.waiting_bytes > MAX_ANSWERS_BYTES:
            self.unanswered += 1
            if self.unanswered == 1:
                _log.warning("questions of PHP nodes come faster than redis takes answers: some get none")
            return
        before, after = around_answer(question)
        self._connection.answer(question.key, before, payload, after)

    def _cache_event(self, app_id: str, channel: str, text: bytes) -> None:
        ttl_s = self._cached_for_s(channel)
        if ttl_s and self._connection is not None:
            # Every bridge does so, in the order of the events: the last write is that of the last event.
            key = self._keys.topic(app_id, channel).cached
            self._connection.commands.run_command("SET", key, text, "EX", ttl_s)

    # One connection after the other.

    async def _stay_connected(self) -> None:
        backoff = ReconnectBackoff(RETRY_FIRST_S, RETRY_MAX_S)
        outages = OutageLog(_log, "the channel of PHP nodes is out of reach, trying on")
        while True:
            self._connection = ReverbConnection(
                self._connect(),
                self._channels,
                self._gate,
                on_up=self._on_up,
                on_php_message=self._on_php_message,
                on_php_nodes=self._on_php_nodes,
            )
            try:
                await self._connection.run()
            except RedisUnavailable as error:
                outages.failed(str(error), is_new_outage=self._commands is not None)
            self._connection = None
            if self._commands is not None:
                backoff.reset()
                self._on_down()
            await asyncio.sleep(backoff.next_s())

    def _on_up(self) -> None:
        if self._connection is not None:
            self._connected_at = asyncio.get_running_loop().time()
            self._commands = self._connection.commands

    def _on_down(self) -> None:
        self._commands = None
        self._gate.open()  # the next connection has to hear that it is subscribed
        self._queue.disconnected(self.is_sending)
        self._requests.finish_all()

    def _on_php_nodes(self, php_nodes: int) -> None:
        before, self.php_nodes = self.php_nodes, php_nodes
        self._has_seen_php_nodes = self._has_seen_php_nodes or php_nodes > 0
        if php_nodes > before:
            _log.info(
                "a PHP Reverb node listens on channel %s", self._channel, extra={"php_nodes": php_nodes}
            )
        elif php_nodes < before:
            _log.info(
                "a PHP Reverb node has gone from channel %s", self._channel, extra={"php_nodes": php_nodes}
            )
        if not php_nodes and not self._may_php_nodes_return:
            self._releases.forget()
            self._unasked_reason = None
        if self._queue.is_holding:
            self._release()
        if not self._counted_once.done():
            self._counted_once.set_result(None)

    @property
    def _may_php_nodes_return(self) -> bool:
        """Whether Redis is back for so short a time that PHP nodes may still be on their way."""
        return asyncio.get_running_loop().time() - self._connected_at < PHP_RETURN_S

    def _release(self) -> None:
        """Redis is back: send what waits as soon as a PHP node is back too, or drop it after PHP_RETURN_S."""
        if not self.php_nodes and self._may_php_nodes_return:
            return
        self._queue.release(
            self._commands if self.php_nodes or self._always else None, is_loss=self._has_seen_php_nodes
        )
