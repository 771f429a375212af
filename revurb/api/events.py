"""POST /apps/{id}/events and /apps/{id}/batch_events: the application sends events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from revurb.api.answers import (
    EMPTY,
    ApiError,
    invalid_fields,
    json_response,
    payload_too_large,
    text_response,
)
from revurb.api.deferred import when_ready
from revurb.api.fields import Fields, read_body
from revurb.api.idempotency import IN_BODY, HasKey
from revurb.api.info import Info, channel_info, requested
from revurb.apps import App, AppLimits
from revurb.pusher.channel_name import is_online_channel
from revurb.pusher.limits import EventRefused, check_event
from revurb.pusher.ports import Bus, ChannelState, MaybeAwaitable
from revurb.pusher.triggering import Trigger, all_of
from revurb.wire.response import DeferredResponse, Response


class EventRequest(msgspec.Struct):
    """One event as the application asked for it. `channel` counts where `channels` names none."""

    name: str
    data: str
    channels: list[str] = []
    channel: str = ""
    socket_id: str | None = None
    info: str | None = None
    idempotency_key: str | None = None


NOT_KEPT = text_response(
    503,
    "Service unavailable. Who keeps the history is out of reach at present: what was for channels with history is not "
    "sent. Send it again.",
    (("Retry-After", "2"),),
)
_decode = msgspec.json.Decoder(EventRequest).decode


# Pusher's limits, for requests that are larger than others may be (https://pusher.com/docs/channels/library_auth_reference/rest-api).
MAX_BATCH_EVENTS = 10
_NOT_SENT_TO = "The channel %s is the server's own: nobody else sends to it."
MAX_DATA_BYTES = 14 * 1024  # 10 KiB, or as many encrypted as the SDKs do it


def post_event(
    body: bytes, app: App, trigger: Trigger, bus: Bus, max_size_bytes: int, *, is_key_known: bool = True
) -> MaybeAwaitable[Response]:
    """`{"name","data","channels"|"channel","socket_id"?,"info"?}` -> `{}`, or with info
    `{"channels":{"c":{"subscription_count":1}}}`. Answered when the bus has accepted the event. A body of more than
    `max_size_bytes` has to be for several channels. Raises HasKey for an idempotency key, if that is not known."""
    try:
        event = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if not is_key_known and IN_BODY in body:
            raise HasKey from None
        event = _read_leniently(body)
    else:
        if event.idempotency_key is not None and not is_key_known:
            raise HasKey
        if event.channel and not event.channels:
            event.channels = [event.channel]
        if not event.name or not event.channels or "" in event.channels:
            event = _read_leniently(body)
    if len(body) > max_size_bytes:
        if len(event.channels) < 2:
            raise payload_too_large(
                f"An event to one channel has at most {max_size_bytes} bytes (REVERB_MAX_REQUEST_SIZE)."
            )
        _limit_data([event], max_size_bytes)
    for name in event.channels:
        if name[0] == "#" and is_online_channel(name):  # nearly none has that letter, and a call takes 0.1 us
            raise invalid_fields({"channels": [_NOT_SENT_TO % name]})
    if app.limits is not None:
        _check(app, app.limits, event)
    if len(event.channels) > app.max_channels_per_event:
        raise invalid_fields(
            {"channels": [f"The channels field must not have more than {app.max_channels_per_event} items."]}
        )
    accepted = trigger.send(app, event.channels, event.name, event.data, event.socket_id)
    if isinstance(accepted, str):
        return NOT_KEPT
    if event.info is None:
        return EMPTY if accepted is None else DeferredResponse(accepted, sent_response)
    names, wanted = event.channels, requested(event.info)

    def answer(states: Sequence[ChannelState]) -> Response:
        infos = {name: channel_info(name, state, wanted) for name, state in zip(names, states, strict=True)}
        return json_response({"channels": infos})

    ready: MaybeAwaitable[str | None] = accepted
    return when_ready(ready, lambda failure: _informed(failure, lambda: bus.describe(app.id, names), answer))


def sent_response(failure: str | None) -> Response:
    return EMPTY if failure is None else NOT_KEPT


def _informed(
    failure: str | None,
    describe: Callable[[], MaybeAwaitable[Sequence[ChannelState]]],
    answer: Callable[[Sequence[ChannelState]], Response],
) -> MaybeAwaitable[Response]:
    return NOT_KEPT if failure is not None else when_ready(describe(), answer)


def post_batch(
    body: bytes,
    app: App,
    trigger: Trigger,
    bus: Bus,
    max_size_bytes: int,
    count: Callable[[App, int], None] = lambda app, events: None,
) -> MaybeAwaitable[Response]:
    """`{"batch":[{"name","data","channel","socket_id"?,"info"?}]}` -> `{}`, or if any event asks for info
    `{"batch":[{"subscription_count":1},{}]}`, one for each event in order. All or none of a batch is sent. A body of
    more than `max_size_bytes` has at most MAX_BATCH_EVENTS. `count` gets the number of events before any is sent."""
    fields = Fields(read_body(body))
    items = _read_batch(fields)
    limits = app.limits
    if limits is not None:
        _check_batch(limits, len(items))
    is_large = len(body) > max_size_bytes
    if is_large and len(items) > MAX_BATCH_EVENTS:
        raise payload_too_large(
            f"A batch of more than {MAX_BATCH_EVENTS} events has at most {max_size_bytes} bytes "
            "(REVERB_MAX_REQUEST_SIZE)."
        )
    events = []
    for number, item in enumerate(items):
        one = Fields(item if isinstance(item, dict) else {}, f"batch.{number}.", fields.problems)
        event = _read_event(one, one.only_channel)
        if event.channels and is_online_channel(event.channels[0]):
            fields.problems[f"batch.{number}.channel"] = [_NOT_SENT_TO % event.channels[0]]
        events.append(event)
    if fields.problems:
        raise invalid_fields(fields.problems)
    if is_large:
        _limit_data(events, max_size_bytes)
    if limits is not None:
        for event in events:
            _check(app, limits, event)
        count(app, len(events))
    waiting: list[Awaitable[str | None]] = []
    failure: str | None = None
    for event in events:
        accepted = trigger.send(app, event.channels, event.name, event.data, event.socket_id)
        if isinstance(accepted, str):
            failure = accepted
        elif accepted is not None:
            waiting.append(accepted)
    all_accepted = all_of(waiting, failure) if waiting else failure
    if all(event.info is None for event in events):
        return when_ready(all_accepted, sent_response)

    def answer(states: Sequence[ChannelState]) -> Response:
        infos: list[Info] = [
            channel_info(event.channels[0], state, requested(event.info))
            for event, state in zip(events, states, strict=True)
        ]
        return json_response({"batch": infos})

    names = [event.channels[0] for event in events]
    return when_ready(
        all_accepted, lambda failure: _informed(failure, lambda: bus.describe(app.id, names), answer)
    )


def _check(app: App, limits: AppLimits, event: EventRequest) -> None:
    """Raise ApiError 413 for data that is over Pusher's limit, 400 for an event that is over another of its limits."""
    try:
        check_event(app, limits, event.channels, event.name, event.data)
    except EventRefused as error:
        raise _refused(413 if error.part == "data" else 400, str(error)) from None


def _check_batch(limits: AppLimits, count: int) -> None:
    most = limits.max_events_per_batch
    if most is not None and count > most:
        raise _refused(400, f"A maximum of {most} events can be triggered in a batch; it has {count}.")


def _refused(status: int, text: str) -> ApiError:
    """As Pusher refuses: with a text alone, which its SDKs show as it is."""
    return ApiError(text_response(status, text))


def _limit_data(events: Sequence[EventRequest], max_size_bytes: int) -> None:
    """Raise ApiError 413 if the data of an event in a large request is larger than documented, and than alone."""
    most = max(MAX_DATA_BYTES, max_size_bytes)
    for event in events:
        if len(event.data.encode()) > most:
            raise payload_too_large(
                f"The data of an event has at most {most} bytes (Pusher's limit, or REVERB_MAX_REQUEST_SIZE)."
            )


def _read_leniently(body: bytes) -> EventRequest:
    """The event in a body that is not what every SDK sends, or ApiError (400, 422).

    It is read field by field, which finds out what is wrong, or that nothing is: PHP's leniency has more forms than a
    type.
    """
    fields = Fields(read_body(body))
    event = _read_event(fields, fields.channels)
    if fields.problems:
        raise invalid_fields(fields.problems)
    return event


def _read_event(fields: Fields, channels: Callable[[], list[str]]) -> EventRequest:
    # In this order: it is the order of the messages in a 422.
    return EventRequest(
        name=fields.text("name"),
        data=fields.data("data"),
        channels=channels(),
        socket_id=fields.optional_text("socket_id"),
        info=fields.optional_text("info"),
    )


def _read_batch(fields: Fields) -> list[object]:
    batch = fields.source.get("batch")
    if isinstance(batch, dict):
        batch = list(batch.values())
    if batch is None or batch == []:
        fields.refuse("batch", "is required.")
    elif isinstance(batch, list):
        return batch
    else:
        fields.refuse("batch", "must be an array.")
    return []
