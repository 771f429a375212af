"""Plain publishes are cut whole; that they are answered as they would be otherwise is for
tests/api/test_plain_publishes.py, and for tests/fuzz (target `publish`)."""

from __future__ import annotations

import sys

import pytest

from revurb._speedups.digests import Md5, SigningKey
from revurb._speedups.publishes import PlainPublish, cut_publish
from tests.api.both_ways import NOW, a_publish, completed
from tests.pusher.room import an_app

BODY = b'{"name":"e","channels":["c"],"data":"{}","socket_id":"1.2"}'
DATA = completed(a_publish(BODY), an_app())
KEY, MD5 = SigningKey(b"secret1"), Md5()


def cut(data: bytes) -> PlainPublish:
    publish = cut_publish(data, b"", 1000, 1000)
    assert publish is not None
    return publish


def test_the_parts_of_a_publish() -> None:
    publish = cut(DATA)
    parts = (publish.app_id, publish.channel, publish.text, publish.socket_id)
    assert parts == ("app1", "c", b'{"event":"e","data":"{}","channel":"c"}', "1.2")
    assert publish.is_signed(b"key1", KEY, MD5, NOW, 600)
    assert not publish.is_signed(b"key2", KEY, MD5, NOW, 600)
    assert not publish.is_signed(b"key1", SigningKey(b"other"), MD5, NOW, 600)
    assert not publish.is_signed(b"key1", KEY, MD5, NOW + 601, 600)


def test_what_it_was_cut_from_lives_as_long_as_it() -> None:
    data = bytes(bytearray(DATA))
    before = sys.getrefcount(data)
    publish = cut(data)
    assert sys.getrefcount(data) == before + 1
    del data
    assert publish.is_signed(b"key1", KEY, MD5, NOW, 600)


def test_limits() -> None:
    head_bytes, body_bytes = len(DATA) - len(BODY), len(BODY)
    assert cut_publish(DATA, b"", head_bytes, body_bytes) is not None
    assert cut_publish(DATA, b"", head_bytes - 1, body_bytes) is None
    assert cut_publish(DATA, b"", head_bytes, body_bytes - 1) is None
    long = a_publish(BODY, path=b"/apps/%b/events" % (b"a" * 500))
    assert cut_publish(completed(long, an_app()), b"", 10_000, 10_000) is None


@pytest.mark.parametrize("bit", range(8))
def test_one_bit_of_what_is_signed(bit: int) -> None:
    """No byte of path, parameters and body can change: the request is then not plain, or not signed."""
    for at in [*range(5, DATA.index(b" HTTP/1.1")), *range(len(DATA) - len(BODY), len(DATA))]:
        changed = bytearray(DATA)
        changed[at] ^= 1 << bit
        publish = cut_publish(bytes(changed), b"", 1000, 1000)
        assert publish is None or not publish.is_signed(b"key1", KEY, MD5, NOW, 600)
