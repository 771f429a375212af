"""A plain subscription is recognised in the forms that SDKs write, as a JSON decoder reads it."""

from __future__ import annotations

import random

import pytest

from revurb._speedups.client_messages import cut_subscription
from tests.fuzz.targets.message import check_plain

BARE = b'{"event":"pusher:subscribe","data":{"channel":"a-b.c"}}'
UNSIGNED = b'{"event":"pusher:subscribe","data":{"auth":"","channel":"a-b.c"}}'


@pytest.mark.parametrize("message", [BARE, UNSIGNED])
def test_both_forms(message: bytes) -> None:
    assert cut_subscription(message) == "a-b.c"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        *(BARE[:size] for size in range(len(BARE))),
        BARE + b" ",
        BARE.replace(b"a-b.c", b""),
        BARE.replace(b"a-b.c", b'a"b'),
        BARE.replace(b"a-b.c", b"a\\u0062"),
        BARE.replace(b"a-b.c", "\u00e9".encode()),
        BARE.replace(b"a-b.c", b"a\x1fb"),
        BARE.replace(b":", b": "),
        BARE.replace(b"subscribe", b"unsubscribe"),
        UNSIGNED.replace(b'""', b'"key:signature"'),
        b'{"event":"pusher:subscribe","data":{"channel":"a","resume":{}}}',
    ],
)
def test_any_other_message(message: bytes) -> None:
    assert cut_subscription(message) is None


def test_it_says_what_a_decoder_says() -> None:
    dice, found = random.Random(7), 0
    for _ in range(3000):
        message = bytearray(dice.choice((BARE, UNSIGNED)))
        for _ in range(dice.randint(1, 2)):
            at = dice.randrange(len(message))
            message[at : at + dice.randint(0, 2)] = bytes(
                dice.choices(b'"{}\\,: az\0\x7f\xc3\xa9', k=dice.randint(0, 2))
            )
        found += check_plain(bytes(message))
    assert found > 100  # or nothing was compared
