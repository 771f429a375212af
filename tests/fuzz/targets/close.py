"""The payload of a Close frame, read and written."""

from __future__ import annotations

from revurb.wire.close import (
    MAX_REASON_BYTES,
    NO_STATUS,
    CloseError,
    encode_close,
    parse_close,
    valid_received,
)


def check(data: bytes) -> None:
    check_reading(data[:125])
    check_writing(int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "surrogateescape"))


def check_reading(payload: bytes) -> None:
    refused: CloseError | None = None
    try:
        code, reason = parse_close(payload)
    except CloseError as error:
        refused = error
    if refused is not None:
        assert refused.code in (1002, 1007)
        assert encode_close(refused.code, refused.reason)[2:].decode() == refused.reason
    elif not payload:
        assert (code, reason) == (NO_STATUS, "")
    else:
        assert encode_close(code, reason) == payload


def check_writing(code: int, reason: str) -> None:
    try:
        payload = encode_close(code, reason)
    except ValueError:
        assert not valid_received(code)
        return
    assert len(payload) <= 2 + MAX_REASON_BYTES
    written = reason.encode("utf-8", "replace")
    assert written.startswith(payload[2:])
    assert parse_close(payload) == (code, payload[2:].decode())
    # Cut only where it had to be, and by no more than a character.
    assert len(payload) - 2 == len(written) or len(payload) - 2 > MAX_REASON_BYTES - 4
