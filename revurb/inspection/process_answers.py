"""What one process answers to the questions that every process of a cluster is asked, by a survey of the bus.

A survey is SURVEY_PREFIX and JSON: a list of questions, and so is the answer, with null for a question that is not
known here. A node of another version may answer nothing, and is left out of what the page shows.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from revurb.inspection import SURVEY_PREFIX
from revurb.inspection.channel_scan import ChannelScan
from revurb.inspection.event_tap import EventTaps, NoTapFree, SeenEvent, TapKey
from revurb.inspection.figure_history import FigureHistory
from revurb.inspection.question_types import (
    AfterCursors,
    ChannelsAsked,
    EventsAsked,
    NoFields,
    QuestionRefused,
    UserAsked,
    read_question,
)
from revurb.inspection.trouble_book import Trouble, TroubleBook
from revurb.observe.counters import Counters
from revurb.pusher.registry import Registry
from revurb.pusher.session_state import SessionState

if TYPE_CHECKING:
    from revurb.webhooks.sender import WebhookSender

MAX_CONNECTIONS = 200  # of one user, of each process
MAX_CHANNELS = 100  # of one connection
MAX_TARGETS = 200
STATUS = "status"  # not a question of pages, but a part of overview
SURVEYED = ("figures", "channels", "events", "user", "troubles", "webhooks")


class SurveyedQuestion(msgspec.Struct):
    """A question on its way."""

    ask: str
    body: msgspec.Raw


class ProcessState(msgspec.Struct):
    """What `revurb status --cluster` shows of a node."""

    process: str
    status: msgspec.Raw


class ProcessFigures(msgspec.Struct):
    """Rows of COLUMNS."""

    process: str
    name: str
    samples: msgspec.Raw


class ProcessChannels(msgspec.Struct):
    """Subscribers here and name of each channel, and how many match."""

    process: str
    channels: list[tuple[int, str]]
    total: int


class ProcessEvents(msgspec.Struct):
    """What came since the question before. `is_refused` is whether others look with as many filters as there may be."""

    process: str
    events: list[SeenEvent]
    last: int
    skipped: int
    is_refused: bool = False


class UserConnection(msgspec.Struct):
    """One connection of a user; `address` is that of the client, or of a proxy."""

    socket_id: str
    channels: list[str]
    address: str | None
    process: str = ""


class ProcessUser(msgspec.Struct):
    """The connections of a user."""

    process: str
    connections: list[UserConnection]
    is_whole: bool


class ProcessTroubles(msgspec.Struct):
    """What came since the question before."""

    process: str
    lines: list[Trouble]
    last: int


class WebhookRoute(msgspec.Struct):
    """A target, without what may be secret in it."""

    app: str
    url: str
    events: list[str]


class GivenUp(msgspec.Struct):
    """Events that no target was told of."""

    at_ms: int
    app: str
    url: str
    events: int
    why: str
    tries: int


class ProcessWebhooks(msgspec.Struct):
    """Targets as far as they are known here, and what this process has sent: `delivered` requests, `failed` tries, and
    events that wait."""

    process: str
    targets: list[WebhookRoute]
    waiting: int
    delivered: int
    failed: int
    dead: list[GivenUp]


encode = msgspec.json.Encoder().encode
MAX_QUESTIONS = 64  # of one survey
NOTHING = b"null"
_read_surveyed = msgspec.json.Decoder(list[SurveyedQuestion]).decode


def survey_of(questions: Sequence[tuple[str, object]]) -> bytes:
    """Questions, each with its name, as they go to every process."""
    return SURVEY_PREFIX + encode(
        [SurveyedQuestion(name, msgspec.Raw(encode(question))) for name, question in questions]
    )


class ProcessAnswers:
    """Answers for the process `process`, "host/pid", which is called `name` where it is shown. `status` gives its state
    as JSON, as `revurb status --cluster` has it."""

    def __init__(
        self,
        name: str,
        history: FigureHistory,
        taps: EventTaps,
        troubles: TroubleBook,
        registry: Registry,
        webhooks: WebhookSender | None,
        counters: Counters,
        status: Callable[[], bytes],
    ) -> None:
        self.process = f"{socket.gethostname()}/{os.getpid()}"
        self._name = name
        self._history = history
        self._taps = taps
        self._troubles = troubles
        self._registry = registry
        self._scan = ChannelScan(registry)
        self._webhooks = webhooks
        self._counters = counters
        self._status = status

    def answer(self, survey: bytes) -> bytes | Awaitable[bytes]:
        """Answers a survey, which begins with SURVEY_PREFIX."""
        try:
            asked = _read_surveyed(survey[len(SURVEY_PREFIX) :])[:MAX_QUESTIONS]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return b""  # of another version
        answers = [self._answer(each) for each in asked]
        there = [each for each in answers if isinstance(each, bytes)]
        return _list_of(there) if len(there) == len(answers) else _list_of_later(answers)

    def _answer(self, asked: SurveyedQuestion) -> bytes | Awaitable[bytes]:
        if asked.ask == STATUS:
            return encode(ProcessState(self.process, msgspec.Raw(self._status())))
        if asked.ask not in SURVEYED:
            return NOTHING
        try:
            return self._answer_read(asked.ask, read_question(asked.ask, bytes(asked.body)))
        except QuestionRefused:
            return NOTHING

    def _answer_read(self, name: str, question: Any) -> bytes | Awaitable[bytes]:
        match question:
            case ChannelsAsked():
                return self._channels(question)
            case EventsAsked():
                return encode(self._events(question))
            case UserAsked():
                return encode(self._user(question))
            case AfterCursors() if name == "figures":
                return encode(self._figures(question))
            case AfterCursors():
                return encode(self._troubles_of(question))
            case NoFields():
                return encode(self._webhooks_now())
        return NOTHING

    def _figures(self, question: AfterCursors) -> ProcessFigures:
        rows = self._history.rows(question.after.get(self.process, 0))
        return ProcessFigures(self.process, self._name, msgspec.Raw(encode(rows)))

    async def _channels(self, question: ChannelsAsked) -> bytes:
        found = await self._scan.find(question.app, question.filter, question.limit)
        return encode(ProcessChannels(self.process, found.channels, found.total))

    def _events(self, question: EventsAsked) -> ProcessEvents:
        key = TapKey(question.app, question.channel, question.event)
        after = question.after.get(self.process)
        try:
            events, last, skipped = self._taps.events(key, after, time.monotonic())
        except NoTapFree:
            return ProcessEvents(self.process, [], 0, 0, is_refused=True)
        for event in events:
            event.process = self.process
        return ProcessEvents(self.process, events, last, skipped)

    def _user(self, question: UserAsked) -> ProcessUser:
        state = self._registry.states.get(question.app)
        sessions = () if state is None else state.sessions_of(str(question.user_id))
        connections = [
            UserConnection(
                session.socket_id,
                sorted(session.channels)[:MAX_CHANNELS],
                session.outlet.peer or None,
                self.process,
            )
            for session in sessions[:MAX_CONNECTIONS]
            if isinstance(session, SessionState)
        ]
        return ProcessUser(self.process, connections, len(sessions) <= MAX_CONNECTIONS)

    def _troubles_of(self, question: AfterCursors) -> ProcessTroubles:
        lines, last = self._troubles.troubles(question.after.get(self.process, 0))
        for line in lines:
            line.process = self.process
        return ProcessTroubles(self.process, lines, last)

    def _webhooks_now(self) -> ProcessWebhooks:
        sender, counters = self._webhooks, self._counters
        targets, dead = [], []
        if sender is not None:
            targets = [
                WebhookRoute(route.app_id, _without_query(route.target.shown_url), list(route.target.events))
                for route in sender.routes(MAX_TARGETS)
            ]
            dead = [GivenUp(*letter) for letter in sender.recent_dead_letters]
        return ProcessWebhooks(
            self.process,
            targets,
            counters.webhook_facts_waiting,
            counters.webhook_requests_total - counters.webhook_failures_total,
            counters.webhook_failures_total,
            dead,
        )


def _list_of(answers: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(answers)


async def _list_of_later(answers: Sequence[bytes | Awaitable[bytes]]) -> bytes:
    return _list_of([each if isinstance(each, bytes) else await each for each in answers])


def _without_query(url: str) -> str:
    return url.partition("?")[0]
