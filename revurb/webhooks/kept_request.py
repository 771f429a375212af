"""What a sender keeps of a request for whoever sends after it: `FactQueue.keep`.

Rule 1: a request is kept before it is first sent, with its id and body, so that a successor sends the very same.
Rule 2: when it is over, it is kept without its body for as long as other targets still want some of its facts, so that
a successor does not send those to this target again. After that it is forgotten.
"""

from __future__ import annotations

import msgspec


class KeptRequest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`target_id` is the id of the route to a target; `body` is None once the request is over. `first_try_ms` is in ms
    since 1970."""

    request_id: str
    app_id: str
    target_id: str
    first_try_ms: int
    fact_ids: tuple[str, ...]
    body: bytes | None

    @property
    def name(self) -> str:
        """What it is kept under."""
        return f"{self.target_id}:{self.request_id}"


encode_kept = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptRequest).decode


def decode_kept(value: bytes) -> KeptRequest | None:
    """None for what is no such value: of another version, say."""
    try:
        return _decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
