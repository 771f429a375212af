"""Declares the options of a webhook's target: what `[[apps.webhooks]]` tables can set, in Pusher's words and in
soketi's. A field of `WebhookTarget` has the type and the default of an option; its row here has the rest."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields

from revurb.apps import WebhookTarget
from revurb.apps.webhook_target import MAX_BATCH_MS, URL_IN_WORDS, WEBHOOK_EVENTS, shown_url, url_problem
from revurb.config.option import Option, RefusedValue, Setting, setting_of


def webhook_url(text: str) -> str:
    """Returns the stripped text. Raises RefusedValue if no request can be sent to it."""
    url = text.strip()
    if problem := url_problem(url):
        _, _, reason = problem.partition(", which ")
        raise RefusedValue(reason or problem)
    return url


def event_name(text: str) -> str:
    """Returns the text. Raises ValueError if no event has that name."""
    if text not in WEBHOOK_EVENTS:
        raise ValueError(text)
    return text


_OPTIONS: Mapping[str, Option] = {
    "url": Option(
        env="REVURB_APP_WEBHOOK_URL",
        parse=webhook_url,
        shown=shown_url,
        allowed=URL_IN_WORDS,
        doc="Where the events are sent to, with POST.",
    ),
    "events": Option(
        parse=event_name,
        allowed=f"a list of {', '.join(WEBHOOK_EVENTS)}",
        doc="Which events are sent; without a value all. soketi's `event_types` is the same.",
    ),
    "channels": Option(
        allowed='a list of names, where "*" stands for any text',
        doc="Channels whose events are sent; without a value all. soketi's `filter` with `channel_name_starts_with` "
        "and `channel_name_ends_with` is understood.",
    ),
    "headers": Option(
        secret=True,
        allowed='a table of texts, such as { Authorization = "Bearer ..." }',
        doc="Headers that each request has besides its own.",
    ),
    "batch_ms": Option(
        minimum=0,
        maximum=MAX_BATCH_MS,
        doc="Milliseconds in which events are collected for one request; 0 sends each at once, unless one is on its "
        "way.",
    ),
}
EVENTS = WEBHOOK_EVENTS
# soketi's name -> ours.
SOKETI_NAMES: Mapping[str, str] = {"event_types": "events"}
SOKETI_FILTER = "filter"
SOKETI_STARTS, SOKETI_ENDS = "channel_name_starts_with", "channel_name_ends_with"


def _setting(name: str, option: Option) -> Setting:
    declared = next(field for field in fields(WebhookTarget) if field.name == name)
    factory = declared.default_factory
    default = factory() if factory is not MISSING else declared.default
    return setting_of(name, name, typing.get_type_hints(WebhookTarget)[name], option, default)


WEBHOOK_SETTINGS: tuple[Setting, ...] = tuple(_setting(*row) for row in _OPTIONS.items())
URL = WEBHOOK_SETTINGS[0]
