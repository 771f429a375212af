"""Close codes and the payload of a Close frame."""

from __future__ import annotations

import pytest

from revurb.wire.close import NO_STATUS, CloseError, encode_close, parse_close, valid_received

VALID = [
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3999,
    4000,
    4001,
    4200,
    4999,
]
INVALID = [-1, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("code", VALID)
def test_valid_codes(code: int) -> None:
    assert valid_received(code)
    assert parse_close(encode_close(code, "why")) == (code, "why")


@pytest.mark.parametrize("code", INVALID)
def test_invalid_codes(code: int) -> None:
    assert not valid_received(code)
    with pytest.raises(ValueError, match=str(code)):
        encode_close(code)


@pytest.mark.parametrize("code", [code for code in INVALID if code >= 0])
def test_invalid_codes_received(code: int) -> None:
    with pytest.raises(CloseError) as caught:
        parse_close(code.to_bytes(2, "big") + b"\xff")
    assert caught.value.code == 1002


def test_no_code() -> None:
    assert parse_close(b"") == (NO_STATUS, "") == (1005, "")


def test_one_byte_is_no_code() -> None:
    with pytest.raises(CloseError) as caught:
        parse_close(b"\x03")
    assert caught.value.code == 1002


@pytest.mark.parametrize("reason", [b"\xff", b"ok\xc3", b"\xed\xa0\x80"])
def test_a_reason_that_is_not_utf8(reason: bytes) -> None:
    with pytest.raises(CloseError) as caught:
        parse_close(b"\x03\xe8" + reason)
    assert caught.value.code == 1007


def test_the_reasons_of_errors_fit_into_a_close_frame() -> None:
    for payload in (b"\x03", b"\x03\xe8\xff"):
        with pytest.raises(CloseError) as caught:
            parse_close(payload)
        assert encode_close(caught.value.code, caught.value.reason)[2:].decode() == caught.value.reason


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("", 0),
        ("a" * 123, 123),
        ("a" * 124, 123),
        ("é" * 61 + "a", 123),
        ("é" * 62, 122),
        ("a" * 120 + "漢", 123),
        ("a" * 121 + "漢", 121),
        ("a" * 122 + "漢", 122),
        ("a" * 119 + "😀", 123),
        *(("a" * at + "😀", at) for at in (120, 121, 122)),
    ],
)
def test_a_long_reason_is_cut_between_characters(reason: str, kept: int) -> None:
    payload = encode_close(1000, reason)
    assert len(payload) == 2 + kept
    assert reason.startswith(payload[2:].decode())


def test_a_reason_that_cannot_be_encoded_is_still_sent() -> None:
    assert encode_close(1000, "a\ud800b") == b"\x03\xe8a?b"
