"""The questions that a page of the console asks, with their types and bounds. Their names are those of the last part of
the path that they are sent to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from revurb.inspection.channel_scan import MAX_LISTED

AppId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
FilterText: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
UserId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)] | int
Cursors: TypeAlias = dict[str, int]
"""By process, "host/pid": what the page has already."""


class QuestionRefused(Exception):
    """A question cannot be answered: the HTTP status, and a sentence that says why and what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class NoFields(msgspec.Struct, forbid_unknown_fields=True):
    """A question about everything."""


class AfterCursors(msgspec.Struct, forbid_unknown_fields=True):
    """What is new since the question before."""

    after: Cursors = {}


class ChannelsAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The channels of an app with most subscribers, of those that `filter` matches, as of NameFilter."""

    app: AppId
    filter: FilterText = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LISTED)] = 50


class ChannelAsked(msgspec.Struct, forbid_unknown_fields=True):
    """One channel of an app."""

    app: AppId
    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class EventsAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Events of an app; `channel` and `event` are filters. Cursors are those of the same filters."""

    app: AppId
    channel: FilterText = ""
    event: FilterText = ""
    after: Cursors = {}


class PublishAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Publish an event, with `data` as its text."""

    app: AppId
    channels: list[str]
    event: str
    data: str
    socket_id: str | None = None


class AuthorizeAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Sign what an application would: a subscription to `channel`, or `user` who signs in."""

    app: AppId
    socket_id: str
    channel: str | None = None
    user_id: UserId | None = None
    user_info: Any = None
    user: dict[str, Any] | None = None


class UserAsked(msgspec.Struct, forbid_unknown_fields=True):
    """A user, by the id with which connections have signed in or are on presence channels."""

    app: AppId
    user_id: UserId


QuestionType: TypeAlias = (
    type[NoFields]
    | type[AfterCursors]
    | type[ChannelsAsked]
    | type[ChannelAsked]
    | type[EventsAsked]
    | type[PublishAsked]
    | type[AuthorizeAsked]
    | type[UserAsked]
)
QUESTIONS: Mapping[str, QuestionType] = {
    "overview": NoFields,
    "figures": AfterCursors,
    "channels": ChannelsAsked,
    "channel": ChannelAsked,
    "events": EventsAsked,
    "publish": PublishAsked,
    "authorize": AuthorizeAsked,
    "user": UserAsked,
    "end": UserAsked,
    "troubles": AfterCursors,
    "webhooks": NoFields,
}


def read_question(name: str, body: bytes) -> Any:
    """The question of that name in a JSON object. Raises QuestionRefused: 404 for a name that there is none of, 400."""
    kind = QUESTIONS.get(name)
    if kind is None:
        raise QuestionRefused(404, f"There is no such question; there are {', '.join(QUESTIONS)}.")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise QuestionRefused(400, f"The question is not as it has to be: {error}.") from None
