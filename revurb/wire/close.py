"""Close frames: their codes, and the payload that carries one (RFC 6455 5.5.1 and 7.4)."""

from __future__ import annotations

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005  # never on the wire: what a Close without a code is reported as
ABNORMAL = 1006  # never on the wire: TCP ended without a Close
INVALID_PAYLOAD = 1007
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013

MAX_REASON_BYTES = 123  # 125 bytes of a control frame, less the code


class CloseError(Exception):
    """A peer's Close frame that breaks the protocol; `code` and `reason` are the answer it gets."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def valid_received(code: int) -> bool:
    """Whether a Close frame may carry `code`: RFC 6455 7.4 and the IANA registry (1012-1014 came later).

    1004-1006 and 1015 are reserved and never sent; 1016-2999 are unassigned; 3000-4999 are free to use.
    """
    return 3000 <= code <= 4999 or 1007 <= code <= 1014 or 1000 <= code <= 1003


def parse_close(payload: bytes) -> tuple[int, str]:
    """The code and the reason in a Close frame's payload; (1005, "") if it is empty.

    Raises CloseError: 1002 for one byte or a code that may not be sent, 1007 for a reason that is not UTF-8.
    """
    if not payload:
        return NO_STATUS, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not valid_received(code):
        raise CloseError(PROTOCOL_ERROR, "Invalid close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise CloseError(INVALID_PAYLOAD, "Close reason is not valid UTF-8") from None


def encode_close(code: int, reason: str = "") -> bytes:
    """The payload of a Close frame. `reason` is cut to 123 bytes, at a character boundary.

    Raises ValueError for a code that may not be sent.
    """
    if not valid_received(code):
        raise ValueError(f"a Close frame cannot carry code {code}")
    text = reason.encode("utf-8", "replace")
    if len(text) > MAX_REASON_BYTES:
        # Only the last character can have been cut in two: what is left of it is what does not decode.
        text = text[:MAX_REASON_BYTES].decode("utf-8", "ignore").encode()
    return code.to_bytes(2, "big") + text
