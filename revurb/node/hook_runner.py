"""Calls users' hooks so that none of them can hurt: what raises is counted and logged, what hangs is cut off.

Rule 1: a plain method is called on the event loop, and holds it up while it runs. An asynchronous one has
`timeout_s`; then it is cancelled, and nobody waits for it any more, whether it ends or not.
Rule 2: a hook that fails has said nothing. Where it was asked, what is configured counts: allow, or refuse.
Rule 3: no more than `MAX_RUNNING` asynchronous hooks are under way. What is beyond fails at once, and is counted. One
connection may have `MAX_ASKED_EACH` of its messages asked about; what is beyond is refused, whatever a failure is, so
that nobody gets past a hook by keeping it busy.
Rule 4: of several objects, each is told; where one refuses, the next ones are not asked.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from revurb.config import HooksConfig
from revurb.lookup.task_end import end_tasks
from revurb.observe.counters import Counters
from revurb.observe.refusal_log import RefusalLog
from revurb.pusher.hooks import Decided, HookConnection, HookVerdict, Refuse, SessionHooks
from revurb.pusher.messages import data_text

MAX_RUNNING = 10_000  # 4.8 KB each (tracemalloc)
MAX_ASKED_EACH = 100  # at a time; a page subscribes to fewer when it connects
END_S = 0.5  # for hooks that are cancelled, when the node ends
FAILED = "A check of the server has failed"  # what a client is told then, and nothing of the hook
TOO_MANY = "Too many requests at once"
_ALLOWED, _REFUSED = HookVerdict(), HookVerdict("")
_Method = Callable[..., Any]
_Done = Callable[[object, BaseException | None], None]


class HookRunner:
    """The hooks in `objects`; at least one."""

    def __init__(
        self, objects: Sequence[object], config: HooksConfig, counters: Counters, log: RefusalLog
    ) -> None:
        self._objects = objects
        self._timeout_s = config.timeout_s
        self._on_failure = _ALLOWED if config.on_failure == "allow" else HookVerdict(FAILED)
        self._sample = config.sample
        self._counters = counters
        self._log = log
        self._running: set[asyncio.Task[Any]] = set()
        self._asked: dict[str, int] = {}  # by socket id, what is not decided
        self._sent = self._received = 0
        self._methods = {name: self._having(name) for name in _TOLD}
        self._subscribe = self._having("on_subscribe")
        self._client_event = self._having("on_client_event")
        self.asks_subscribe = bool(self._subscribe)
        self.asks_client_event = bool(self._client_event)
        self.is_told_of_sent = bool(self._methods["on_message_sent"])
        self.is_told_of_received = bool(self._methods["on_message_received"])

    def _having(self, name: str) -> tuple[_Method, ...]:
        return tuple(getattr(each, name) for each in self._objects if callable(getattr(each, name, None)))

    # What sessions call (`SessionHooks`).

    def connected(self, connection: HookConnection) -> None:
        self._tell("on_connect", connection)

    def disconnected(self, connection: HookConnection) -> None:
        self._tell("on_disconnect", connection)

    def pruned(self, connection: HookConnection) -> None:
        self._tell("on_connection_pruned", connection)

    def signed_in(self, connection: HookConnection) -> None:
        self._tell("on_sign_in", connection)

    def unsubscribed(self, connection: HookConnection, channel: str) -> None:
        self._tell("on_unsubscribe", connection, channel)

    def channel_created(self, app_id: str, channel: str) -> None:
        self._tell("on_channel_created", app_id, channel)

    def channel_removed(self, app_id: str, channel: str) -> None:
        self._tell("on_channel_removed", app_id, channel)

    def received(self, connection: Callable[[], HookConnection], payload: bytes) -> None:
        """A message of a client; one of `sample` is told."""
        self._received += 1
        if self._received % self._sample == 0:
            self._tell("on_message_received", connection(), payload.decode("utf-8", "replace"))

    def sent(self, app_id: str, channel: str, text: bytes, receivers: int) -> None:
        """An event that went to so many of this process; one of `sample` is told."""
        self._sent += 1
        if self._sent % self._sample == 0:
            self._tell("on_message_sent", app_id, channel, text.decode("utf-8", "replace"), receivers)

    def subscribing(
        self, connection: HookConnection, channel: str, channel_data: str | None, decided: Decided
    ) -> None:
        if (counted := self._counted(connection, decided)) is not None:
            self._ask(self._subscribe, 0, (connection, channel, channel_data), _ALLOWED, counted)

    def client_event(
        self, connection: HookConnection, channel: str, event: str, data_json: bytes, decided: Decided
    ) -> None:
        if (counted := self._counted(connection, decided)) is not None:
            self._ask_about_event(0, (connection, channel, event), data_json, _ALLOWED, counted)

    def _counted(self, connection: HookConnection, decided: Decided) -> Decided | None:
        """What is to be called with the verdict; None if this is one message too many, which is refused then."""
        socket_id = connection.socket_id
        count = self._asked.get(socket_id, 0)
        if count >= MAX_ASKED_EACH:
            self._decide(HookVerdict(TOO_MANY), decided)
            return None
        self._asked[socket_id] = count + 1

        def counted(verdict: HookVerdict) -> None:
            left = self._asked[socket_id] - 1
            if left:
                self._asked[socket_id] = left
            else:
                del self._asked[socket_id]
            decided(verdict)

        return counted

    # Calling.

    def _tell(self, name: str, *arguments: object) -> None:
        for method in self._methods[name]:
            self._call(method, arguments, _nothing)

    def _ask(
        self,
        methods: tuple[_Method, ...],
        index: int,
        arguments: tuple[object, ...],
        verdict: HookVerdict,
        decided: Decided,
    ) -> None:
        if index == len(methods) or verdict.reason is not None:
            self._decide(verdict, decided)
            return

        def done(answer: object, error: BaseException | None) -> None:
            said = self._verdict_on(answer, error)
            self._ask(methods, index + 1, arguments, said, decided)

        self._call(methods[index], arguments, done)

    def _ask_about_event(
        self,
        index: int,
        arguments: tuple[object, ...],
        data_json: bytes,
        verdict: HookVerdict,
        decided: Decided,
    ) -> None:
        """Each hook gets the data that the one before has made of it."""
        if index == len(self._client_event) or verdict.reason is not None:
            self._decide(verdict, decided)
            return
        method = self._client_event[index]

        def done(answer: object, error: BaseException | None) -> None:
            said, changed = self._verdict_on(answer, error), data_json
            if error is None and answer is not None and said.reason is None and answer is not True:
                try:
                    changed = orjson.dumps(answer)
                except (TypeError, ValueError) as invalid:
                    self._failed(method, invalid)
                    said = self._on_failure
            if said.reason is None and changed is not data_json:
                said = HookVerdict(None, changed)
            elif said.reason is None:
                said = verdict
            self._ask_about_event(index + 1, arguments, changed, said, decided)

        self._call(method, (*arguments, _decoded(data_json)), done)

    def _verdict_on(self, answer: object, error: BaseException | None) -> HookVerdict:
        if error is None:
            return _REFUSED if answer is False else _ALLOWED
        return HookVerdict(_text_of(error)) if isinstance(error, Refuse) else self._on_failure

    def _decide(self, verdict: HookVerdict, decided: Decided) -> None:
        if verdict.reason is not None:
            self._counters.hook_refusals_total += 1
        decided(verdict)

    def _call(self, method: _Method, arguments: tuple[object, ...], done: _Done) -> None:
        """Call a hook; `done` gets its answer or its error, once."""
        try:
            answer = method(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also what is none of Exception, which libraries have of their own
            self._fail(method, error, done)
            return
        if not inspect.isawaitable(answer):
            done(answer, None)
        elif len(self._running) >= MAX_RUNNING:
            if inspect.iscoroutine(answer):
                answer.close()
            self._fail(method, TimeoutError(f"{MAX_RUNNING} hooks are under way"), done)
        else:
            self._run(method, answer, done)

    def _run(self, method: _Method, answer: Any, done: _Done) -> None:
        async def run() -> tuple[object, BaseException | None]:
            try:
                return await answer, None
            except (asyncio.CancelledError, KeyboardInterrupt):
                raise
            except BaseException as error:  # a task that raises SystemExit ends the loop
                return None, error

        task = asyncio.ensure_future(run())
        self._running.add(task)
        loop, is_over = asyncio.get_running_loop(), False

        def cut_off() -> None:
            nonlocal is_over
            is_over = True
            task.cancel()
            self._fail(method, TimeoutError(f"cut off after {self._timeout_s:g} s"), done)

        def ended(_: object) -> None:
            self._running.discard(task)
            timer.cancel()
            if is_over:
                return
            result, error = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
            if error is None:
                done(result, None)
            else:
                self._fail(method, error, done)

        timer = loop.call_later(self._timeout_s, cut_off)
        task.add_done_callback(ended)

    def _fail(self, method: _Method, error: BaseException, done: _Done) -> None:
        if not isinstance(error, Refuse):
            self._failed(method, error)
        done(None, error)

    def _failed(self, method: _Method, error: BaseException) -> None:
        if isinstance(error, TimeoutError):
            self._counters.hook_timeouts_total += 1
        else:
            self._counters.hook_failures_total += 1
        if self._log.counts("a hook has failed"):
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
            name = getattr(method, "__qualname__", repr(method))
            reason = f"{type(error).__name__}: {_text_of(error)}"
            self._log.write("a hook has failed", "", "", hook=name, reason=reason, place=place)

    async def stop(self) -> None:
        """Give those that run as long as any has, and cut them off then."""
        if self._running:
            await asyncio.wait(self._running, timeout=self._timeout_s)
            await end_tasks(self._running, END_S)


_TOLD = (
    "on_connect", "on_disconnect", "on_connection_pruned", "on_sign_in", "on_unsubscribe", "on_message_sent",
    "on_message_received", "on_channel_created", "on_channel_removed",
)  # fmt: skip


def _text_of(error: BaseException) -> str:
    """The text of an error of the user's own, which UTF-8 has then."""
    try:
        return str(error).encode(errors="replace").decode()
    except Exception:
        return ""


def _nothing(answer: object, error: BaseException | None) -> None:
    """What is told needs no answer."""


def _decoded(data_json: bytes) -> object:
    """The data of a client event as a hook gets it: what JSON has, or the text where it cannot be read."""
    try:
        return orjson.loads(data_json)
    except ValueError:
        return data_text(data_json)


_: type[SessionHooks] = HookRunner
