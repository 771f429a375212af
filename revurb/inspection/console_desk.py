"""Answers the questions of the console at the node that is asked: from the bus, and from what all processes say.

Whoever asks is an operator, who may do here what the application may do over the HTTP API, with the same checks. No
answer has a secret in it; those about authorization have signatures, each for one connection.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from revurb.api.answers import ApiError
from revurb.api.events import post_event
from revurb.api.request_rates import RequestRates
from revurb.apps import App, AppProvider, AppsUnavailable
from revurb.inspection import process_answers as p
from revurb.inspection.channel_view import channel_listing, channel_view, ready
from revurb.inspection.event_tap import MAX_TAPS
from revurb.inspection.figure_history import COLUMNS
from revurb.inspection.kept_answers import KeptAnswers
from revurb.inspection.process_survey import ProcessSurvey
from revurb.inspection.question_types import (
    AfterCursors,
    AuthorizeAsked,
    ChannelAsked,
    ChannelsAsked,
    EventsAsked,
    NoFields,
    PublishAsked,
    QuestionRefused,
    UserAsked,
    read_question,
)
from revurb.pusher.ports import Bus, MaybeAwaitable
from revurb.pusher.rates import Rates
from revurb.pusher.triggering import Trigger
from revurb.wire.response import JSON, Response

_log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_DEAD = 100
NEEDS_TOKEN = "Set a token (REVURB_ADMIN_TOKEN): without one, whoever can send a request here could do that."
TAPS_IN_USE = (
    f"{MAX_TAPS} other filters of events are in use: close a page of events, or use the filter of another."
)
FAILED = "A fault of the server: its log has the traceback (console question failed)."


class ConsoleDesk:
    """`answers` are those of the node's own process, `answer_own` answers a survey for it alone. `overview` is what the
    node says of itself and its cluster. `dead_letters` is the file of dead letters. `may_act` is whether events are
    published, connections ended and signatures made for an app by whoever can ask."""

    def __init__(
        self,
        apps: AppProvider,
        bus: Bus,
        trigger: Trigger,
        rates: Rates,
        own_process: str,
        answer_own: Callable[[bytes], MaybeAwaitable[bytes]],
        overview: Callable[[], Awaitable[dict[str, object]]],
        *,
        max_request_size_bytes: int,
        dead_letters: str | None,
        may_act: Callable[[App], bool],
    ) -> None:
        self._apps = apps
        self._bus = bus
        self._trigger = trigger
        self._rates = RequestRates(rates, time.time)
        self.survey = ProcessSurvey(bus, own_process, answer_own).ask
        self._overview = overview
        self._max_request_size_bytes = max_request_size_bytes
        self._dead_letters = dead_letters
        self._may_act = may_act
        self._kept: KeptAnswers[object] = KeptAnswers()

    async def ask(self, name: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON object that answer a question. Raises nothing."""
        try:
            return 200, p.encode(await self._answer(name, read_question(name, body)))
        except QuestionRefused as error:
            return error.status, p.encode({"error": error.sentence})
        except AppsUnavailable:
            return 503, p.encode({"error": "The apps cannot be looked up at present: try again soon."})
        except Exception:
            _log.exception("console question failed", extra={"question": name})
            return 500, p.encode({"error": FAILED})

    async def _answer(self, name: str, question: Any) -> object:
        match question:
            case ChannelsAsked():
                return await self._channels(question)
            case ChannelAsked():
                return await self._channel(question)
            case EventsAsked():
                return await self._events(question)
            case PublishAsked():
                return await self._publish(question)
            case AuthorizeAsked():
                return await self._authorize(question)
            case UserAsked() if name == "end":
                return await self._end(question)
            case UserAsked():
                return await self._user(question)
            case AfterCursors() if name == "figures":
                return await self._figures(question)
            case AfterCursors():
                return await self._troubles(question)
            case NoFields() if name == "webhooks":
                return await self._webhooks(question)
        return await self._overview()

    async def _figures(self, question: AfterCursors) -> object:
        parts = await self.survey("figures", question, p.ProcessFigures)
        parts.sort(key=lambda part: (part.process.rpartition("/")[0], part.name, part.process))
        return {"now_ms": int(time.time() * 1000), "columns": COLUMNS, "processes": parts}

    async def _channels(self, question: ChannelsAsked) -> object:
        app = await self._app(question.app)

        async def make() -> tuple[object, float]:
            parts = await self.survey("channels", question, p.ProcessChannels)
            return await channel_listing(self._bus, app, parts, question.limit)

        return await self._kept.get(("channels", app.id, question.filter, question.limit), make)

    async def _channel(self, question: ChannelAsked) -> object:
        app = await self._app(question.app)
        return await self._kept.get(
            ("channel", app.id, question.channel), lambda: channel_view(self._bus, app, question.channel)
        )

    async def _events(self, question: EventsAsked) -> object:
        await self._app(question.app)
        parts = await self.survey("events", question, p.ProcessEvents)
        if any(part.is_refused for part in parts):
            raise QuestionRefused(429, TAPS_IN_USE)
        events = [event for part in parts for event in part.events]
        events.sort(key=lambda event: event.at_ms)
        after = {part.process: part.last for part in parts}
        return {"events": events, "after": after, "skipped": sum(part.skipped for part in parts)}

    async def _publish(self, question: PublishAsked) -> object:
        app = await self._app_to_act_for(question.app)
        event = {
            "name": question.event,
            "channels": question.channels,
            "data": question.data,
            "socket_id": question.socket_id,
        }
        try:
            if not app.is_enabled:
                raise QuestionRefused(403, "The app is disabled.")
            self._rates.publish(app)
            answered = post_event(
                p.encode(event), app, self._trigger, self._bus, self._max_request_size_bytes
            )
            response = await ready(answered)
        except ApiError as error:
            response = error.response
        if response.status != 200:
            raise QuestionRefused(response.status, _sentence(response))
        return {}

    async def _authorize(self, question: AuthorizeAsked) -> object:
        app = await self._app_to_act_for(question.app)
        if (question.channel is None) == (question.user is None):
            raise QuestionRefused(400, "Either channel or user has to be there: which is to be signed?")
        try:
            if question.user is not None:
                return app.authenticate_user(question.socket_id, question.user)
            channel = question.channel or ""
            return app.authorize_channel(
                question.socket_id, channel, user_id=question.user_id, user_info=question.user_info
            )
        except ValueError as error:
            raise QuestionRefused(400, str(error)) from None

    async def _user(self, question: UserAsked) -> object:
        await self._app(question.app)
        parts = await self.survey("user", question, p.ProcessUser)
        connections = [connection for part in parts for connection in part.connections]
        return {"connections": connections, "is_whole": all(part.is_whole for part in parts)}

    async def _end(self, question: UserAsked) -> object:
        app = await self._app_to_act_for(question.app)
        await ready(self._bus.terminate(app.id, str(question.user_id)))
        return {}

    async def _troubles(self, question: AfterCursors) -> object:
        parts = await self.survey("troubles", question, p.ProcessTroubles)
        lines = [line for part in parts for line in part.lines]
        lines.sort(key=lambda line: line.at_ms)
        return {"lines": lines, "after": {part.process: part.last for part in parts}}

    async def _webhooks(self, question: NoFields) -> object:
        parts = await self.survey("webhooks", question, p.ProcessWebhooks)
        targets = {(target.app, target.url): target for part in parts for target in part.targets}
        dead = sorted((letter for part in parts for letter in part.dead), key=lambda letter: letter.at_ms)
        return {
            "is_on": bool(targets),
            "targets": list(targets.values()),
            "waiting": sum(part.waiting for part in parts),
            "delivered": sum(part.delivered for part in parts),
            "failed": sum(part.failed for part in parts),
            "dead": dead[-MAX_DEAD:],
            "dead_letters": self._dead_letters,
        }

    async def _app_to_act_for(self, app_id: str) -> App:
        app = await self._app(app_id)
        if not self._may_act(app):
            raise QuestionRefused(403, NEEDS_TOKEN)
        return app

    async def _app(self, app_id: str) -> App:
        app = await ready(self._apps.find_by_id(app_id))
        if app is None:
            raise QuestionRefused(
                404, f"There is no app with the id {app_id!r}: overview has those there are."
            )
        return app


def _sentence(response: Response) -> str:
    """What an answer of the HTTP API says: a text, or messages by fields."""
    if response.content_type != JSON:
        return response.body.decode()
    messages: dict[str, Sequence[str]] = msgspec.json.decode(response.body)
    return " ".join(sentence for sentences in messages.values() for sentence in sentences)
