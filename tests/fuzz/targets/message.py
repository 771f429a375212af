"""A Pusher message out of a text frame: decoded or refused, and what is forwarded is JSON again."""

from __future__ import annotations

import msgspec

from revurb._speedups.client_messages import cut_subscription
from revurb.pusher.errors import InvalidMessage
from revurb.pusher.messages import client_event_text, read_message, read_subscription

_decode = msgspec.json.Decoder().decode


def check_plain(data: bytes) -> bool:
    """What the kernel recognises as a subscription, a decoder reads the same way; whether it is one."""
    channel = cut_subscription(data)
    if channel is not None:
        message = read_message(data)
        subscription = read_subscription(message.data)
        assert (message.event, message.channel) == ("pusher:subscribe", None)
        assert subscription.channel == channel
        assert (subscription.auth or "", subscription.channel_data, subscription.resume) == ("", None, None)
    return channel is not None


def check(data: bytes) -> None:
    check_plain(data)
    try:
        message = read_message(data)
    except InvalidMessage:
        return
    assert message.event
    try:
        data.decode()
    except UnicodeDecodeError:
        return  # the framer lets none through; what is skipped while decoding is not looked at
    raw = bytes(message.data)
    try:
        subscription = read_subscription(message.data)
    except InvalidMessage:
        pass
    else:
        assert isinstance(subscription.channel, str)
    text = client_event_text(message.event, str(message.channel), raw, None)
    assert raw in text
    try:
        value = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return  # what stays raw is not decoded all the way, and is for the receiver to judge
    forwarded = _decode(text)
    assert forwarded["event"] == value["event"] == message.event
    assert str(forwarded["data"]) == str(value.get("data"))
