def cut_subscription(message: bytes, /) -> str | None:
    """The channel of a subscription without signature, in the form that pusher-js and most SDKs write: no spaces, and a
    name in visible ASCII with nothing to unescape. None for any other message."""
