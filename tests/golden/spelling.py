"""How the captures spell bytes that do not print well, and back."""

from __future__ import annotations

import ast
import re

from tests.client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode_frame

_OPCODES = {"text": TEXT, "binary": BINARY, "cont": CONTINUATION, "close": CLOSE, "ping": PING, "pong": PONG}


def frame_bytes(opcode: str, text: str) -> bytes:
    """The bytes of a captured client frame; `opcode` is a name or, for those that have none, a number.

    `...   (fin=0)`, `(rsv=4)` and `(unmasked)` stand for header bits, `hex:fffe` for bytes,
    `code=1000 reason=b'bye'` for a close payload, and sizes in words for long payloads.
    """
    number = _OPCODES.get(opcode)
    flags = re.fullmatch(r"(.*)   \((fin=0|rsv=4|unmasked)\)", text, re.DOTALL)
    if flags is not None:
        text = flags[1]
    flag = flags[2] if flags is not None else ""
    return encode_frame(
        int(opcode) if number is None else number,
        _payload(text),
        fin=flag != "fin=0",
        rsv=4 if flag == "rsv=4" else 0,
        masked=flag != "unmasked",
    )


def _payload(text: str) -> bytes:
    if text.startswith("hex:"):
        return bytes.fromhex(text.removeprefix("hex:"))
    if close := re.fullmatch(r"code=(\d+) reason=(b'.*')", text):
        return close_payload(int(close[1]), ast.literal_eval(close[2]))
    if repeated := re.fullmatch(r"(\d+) x (.)", text):
        return repeated[2].encode() * int(repeated[1])
    if sized := re.fullmatch(r"\((?:a pusher:ping message of )?(?:exactly )?(\d+) bytes\)", text):
        start, end = b'{"event":"pusher:ping","x":"', b'"}'
        return start + b"x" * (int(sized[1]) - len(start) - len(end)) + end
    if nested := re.search(r"\[\[\[\.\.\.(\d+) levels\.\.\.\]\]\]", text):
        text = text.replace(nested[0], "[" * int(nested[1]) + "]" * int(nested[1]))
    return text.encode()


def request_bytes(request: str, *, finished: bool = True) -> bytes:
    """The bytes of a captured request.

    Two spellings of the captures are undone: a body that is not UTF-8 has one character for each byte, and of
    a very long request only the beginning is kept (`...[N bytes in all]`), its last byte to be repeated.
    """
    cut = re.fullmatch(r"(.*)\.\.\.\[(\d+) bytes in all\]", request, re.DOTALL)
    if cut is not None:
        start, total = cut[1], int(cut[2])
        tail = "" if not finished else '"}' if "\r\n\r\n" in start else "\r\n\r\n"
        request = start + start[-1] * (total - len(start) - len(tail)) + tail
    body = request.partition("\r\n\r\n")[2]
    length = re.search(r"\r\nContent-Length: (\d+)\r\n", request)
    latin = length is not None and not body.isascii() and len(body) == int(length[1])
    return request.encode("latin-1" if latin else "utf-8")
