"""The messages of the protocol, in both directions.

In: `{"event":..., "channel":..., "data":...}`, of which `data` stays raw JSON until someone needs it.
Out: finished JSON (`..._text`) and finished WebSocket frames (`frame`). As in Reverb, `data` of all that the
server sends is JSON inside a JSON string, but for errors; `data` of client events is forwarded as received.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import orjson

from revurb._speedups.frames import TEXT, server_frame
from revurb.pusher import lone_surrogates
from revurb.pusher.errors import InvalidMessage, PusherError, SubscriptionRefused
from revurb.pusher.history import Replay, Resume, gap_text
from revurb.pusher.ports import Member

INTERNAL = "pusher_internal:"


class ClientMessage(msgspec.Struct):
    """A message from a client. `channel` is whatever JSON value was there, None if nothing was."""

    event: str
    channel: object = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _EventText(msgspec.Struct):
    event: str
    data: str


class Subscription(msgspec.Struct):
    """`data` of pusher:subscribe and pusher:unsubscribe."""

    channel: str
    auth: object = None
    channel_data: object = None
    resume: object = None


class SignIn(msgspec.Struct):
    """`data` of pusher:signin."""

    auth: object = None
    user_data: object = None


_decode_message = msgspec.json.Decoder(ClientMessage).decode
_decode_event = msgspec.json.Decoder(_EventText).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_subscription = msgspec.json.Decoder(Subscription).decode
_decode_sign_in = msgspec.json.Decoder(SignIn).decode


def read_message(payload: bytes) -> ClientMessage:
    """Decode one message. Raises InvalidMessage for anything but an object with a non-empty `event`."""
    try:
        message = _decode_message(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        message = _read_with_lone_surrogates(payload, error)
    if not message.event:
        raise InvalidMessage
    return message


def _read_with_lone_surrogates(payload: bytes, refused: Exception) -> ClientMessage:
    """The message in a payload that was refused, if only for half a surrogate pair in its `data`."""
    hidden = lone_surrogates.hide(payload)
    if hidden is None:
        raise InvalidMessage from refused
    try:
        message = _decode_message(hidden)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMessage from error
    channel = message.channel
    if lone_surrogates.has_any(message.event) or (
        isinstance(channel, str) and lone_surrogates.has_any(channel)
    ):
        raise InvalidMessage from refused
    message.data = msgspec.Raw(lone_surrogates.show(bytes(message.data)))
    return message


def read_subscription(data: msgspec.Raw) -> Subscription:
    """Decode `data` of a subscription. Clients may send the object or a JSON string of it, as Reverb allows."""
    try:
        return _decode_subscription(data)
    except msgspec.ValidationError:
        pass  # perhaps it is the string
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMessage from error
    try:
        return _decode_subscription(_decode_text(data))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMessage from error


def read_sign_in(data: msgspec.Raw) -> SignIn:
    """Decode `data` of a sign-in. Raises InvalidMessage."""
    try:
        return _decode_sign_in(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMessage from error


def frame(text: bytes) -> bytes:
    """One text frame of finished JSON."""
    return server_frame(TEXT, text)


def event_text(event: str, data: str, channel: str) -> bytes:
    """`{"event":...,"data":"...","channel":...}`"""
    return exact(orjson.dumps({"event": event, "data": data, "channel": channel}))


def event_and_data(text: bytes) -> tuple[str, str]:
    """What `event_text` has been given."""
    event = _decode_event(text)
    return event.event, event.data


def exact(text: bytes) -> bytes:
    """A copy that takes the memory of its length. What orjson makes has a buffer of 4 KiB or more for as long as it is
    kept: in the cache of last events, and while an event waits for the broker. (Formatting copies; a slice of all does
    not.)"""
    return b"%b" % text


def client_event_text(event: str, channel: str, data_json: bytes, user_id_json: bytes | None) -> bytes:
    """A client event for the other subscribers: `data` untouched, `user_id` only as the server knows it."""
    user = b"" if user_id_json is None else b',"user_id":' + user_id_json
    return b'{"event":%b,"channel":%b,"data":%b%b}' % (
        orjson.dumps(event),
        orjson.dumps(channel),
        data_json,
        user,
    )


def data_text(data_json: bytes) -> str:
    """`data` of a client event as a text: what a string says, else the JSON. Half of a surrogate pair stays an
    escape."""
    if data_json[:1] == b'"':
        try:
            return _decode_text(data_json)
        except msgspec.MsgspecError:
            pass
    return data_json.decode()


def established_frame(socket_id: str, activity_timeout_s: int) -> bytes:
    """The greeting. A socket id is digits and a dot, so nothing in it has to be escaped."""
    return server_frame(TEXT, _ESTABLISHED % (socket_id.encode(), activity_timeout_s))


_ESTABLISHED = (
    b'{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"%b\\",\\"activity_timeout\\":%d}"}'
)


def error_frame(error: PusherError) -> bytes:
    """The one event of the server whose `data` is an object, as Pusher's is: PusherSwift drops it otherwise, and
    pusher-js, the Java and the .NET client take either."""
    return frame(orjson.dumps({"event": "pusher:error", "data": {"code": error.code, "message": str(error)}}))


def subscription_error_frame(channel: str, error: SubscriptionRefused) -> bytes:
    """What makes `Echo.channel(...).error(...)` and pusher-js' `pusher:subscription_error` fire."""
    data = orjson.dumps({"type": error.type, "error": str(error), "status": error.status}).decode()
    return frame(event_text("pusher:subscription_error", data, channel))


def subscribed_frame(channel: str, history: bytes = b"") -> bytes:
    """Confirms a subscription to a channel without members. `history` is what `resumed` returns."""
    return server_frame(TEXT, _SUBSCRIBED % (orjson.dumps(channel), history))


_SUBSCRIBED = b'{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":%b%b}'


def joined_frame(channel: str, snapshot: bytes, history: bytes = b"") -> bytes:
    """Confirms a subscription to a presence channel, with its members: JSON that is escaped for a JSON string."""
    return server_frame(TEXT, _JOINED % (snapshot, orjson.dumps(channel), history))


_JOINED = b'{"event":"pusher_internal:subscription_succeeded","data":"%b","channel":%b%b}'


def resumed(replay: Replay | None, resume: Resume | None) -> bytes:
    """What the confirmation of a subscription says of the channel's history: where the subscriber is, and whether it
    gets everything that it missed, if it asked for that. Where the history is out of reach it does not, whether it
    asked or not."""
    if replay is None:
        return b',"resumed":false'
    position = b',"id":"%b"' % str(replay.position).encode()
    if resume is None:
        return position
    return position + (b',"resumed":false' if replay.failure else b',"resumed":true')


def resume_failed_frame(channel: str, reason: str) -> bytes:
    """Tells a subscriber that it has missed events and does not get them."""
    return frame(gap_text(channel, reason))


def member_added_text(channel: str, channel_data: str) -> bytes:
    return event_text(INTERNAL + "member_added", channel_data, channel)


def member_removed_text(channel: str, id_json: bytes) -> bytes:
    return event_text(INTERNAL + "member_removed", (b'{"user_id":%b}' % id_json).decode(), channel)


def subscription_count_text(channel: str) -> tuple[bytes, bytes]:
    """The event that tells a channel's subscribers how many they are (Pusher docs, "Subscription counting"): what is
    before and after the number."""
    return _COUNT, b'}","channel":%b}' % orjson.dumps(channel)


_COUNT = b'{"event":"pusher_internal:subscription_count","data":"{\\"subscription_count\\":'


def member_data(member: Member) -> str:
    """The member as channel_data has it."""
    return (b'{"user_id":%b,"user_info":%b}' % (member.id_json, member.info_json)).decode()


def signed_in_frame(user_data: str) -> bytes:
    """Confirms a sign-in, with the user_data as it was signed."""
    data = orjson.dumps({"user_data": user_data}).decode()
    return frame(orjson.dumps({"event": "pusher:signin_success", "data": data}))


def watchlist_text(name: str, user_ids: Sequence[str]) -> bytes:
    """Tells who watches users that they are "online" or "offline" now. It is on no channel."""
    data = orjson.dumps({"events": [{"name": name, "user_ids": user_ids}]}).decode()
    return b'{"event":"pusher_internal:watchlist_events","data":%b}' % orjson.dumps(data)


def cache_miss_frame(channel: str) -> bytes:
    return frame(event_text("pusher:cache_miss", "{}", channel))


PING_FRAME = frame(b'{"event":"pusher:ping"}')
PONG_FRAME = frame(b'{"event":"pusher:pong"}')
