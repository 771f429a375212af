"""Bodies that are larger than others may be: nothing of them is read until that has been granted."""

from __future__ import annotations

import pytest

from revurb.wire.http import HttpReader, Request
from tests.speedups.wire_bytes import every_split
from tests.wire.http_bytes import MAX_BODY, MAX_HEAD, chunked, get, post, status

MAX_GRANTED = 3 * MAX_BODY


def new(max_granted_bytes: int = MAX_GRANTED) -> HttpReader:
    return HttpReader(max_head_bytes=MAX_HEAD, max_body_bytes=MAX_BODY, max_granted_bytes=max_granted_bytes)


def sized(length: int) -> bytes:
    return post(f"Content-Length: {length}", body=b"a" * length)


def read(pieces: list[bytes], allowed: bool) -> tuple[list[Request], int | None, int]:
    """The requests, the status of the failure, and how often something had to be granted."""
    reader, requests, asked = new(), [], 0
    for piece in pieces:
        requests += reader.feed(piece)
        while reader.ungranted is not None:
            asked += 1
            requests += reader.grant(allowed)
    return requests, status(reader), asked


def reads(data: bytes, allowed: bool) -> tuple[list[int], int | None, int]:
    """Sizes of bodies, status and grants, the same in every chunking."""
    requests, failure, asked = read([data], allowed)
    for pieces in every_split(data):
        assert read(pieces, allowed) == (requests, failure, asked)
    return [len(request.body) for request in requests], failure, asked


def test_what_is_within_the_limit_needs_no_grant() -> None:
    assert reads(sized(MAX_BODY) + get(), allowed=False) == ([MAX_BODY, 0], None, 0)


def test_a_granted_body_is_read_up_to_the_larger_limit() -> None:
    assert reads(sized(MAX_GRANTED) + sized(5), allowed=True) == ([MAX_GRANTED, 5], None, 1)
    assert reads(sized(MAX_GRANTED + 1), allowed=True) == ([], 413, 1)
    two = sized(MAX_BODY + 1) * 2
    assert reads(two, allowed=True) == ([MAX_BODY + 1] * 2, None, 2), "each is asked about"


def test_one_that_is_not_granted_is_too_large() -> None:
    assert reads(sized(MAX_BODY + 1), allowed=False) == ([], 413, 1)


def test_chunks_are_asked_about_since_nobody_knows_how_many_come() -> None:
    small, large = chunked(b"a" * MAX_BODY), chunked(*[b"a" * MAX_BODY] * 3)
    assert reads(small, allowed=False) == ([MAX_BODY], None, 1)
    assert reads(large, allowed=False) == ([], 413, 1)
    assert reads(large + sized(1), allowed=True) == ([MAX_GRANTED, 1], None, 1)
    assert reads(chunked(b"a" * (MAX_GRANTED + 1)), allowed=True) == ([], 413, 1)


def test_the_limit_of_the_next_body_is_the_usual_one() -> None:
    reader = new()
    reader.feed(sized(MAX_BODY + 1))
    assert len(reader.grant(True)) == 1
    reader.feed(sized(MAX_BODY + 1))
    assert reader.grant(False) == []
    assert status(reader) == 413


@pytest.mark.parametrize(
    ("allowed", "option"), [(True, "REVURB_MAX_BATCH_SIZE"), (False, "REVERB_MAX_REQUEST_SIZE")]
)
def test_the_refusal_names_the_option(allowed: bool, option: str) -> None:
    reader = new()
    reader.feed(sized(MAX_GRANTED + 1))
    reader.grant(allowed)
    assert reader.failure is not None
    assert f"({option})." in reader.failure.detail
    assert ("signature" in reader.failure.detail) is not allowed, "a wrong secret is not a small limit"


def test_nothing_is_kept_of_a_body_that_waits_but_what_came_with_its_head() -> None:
    reader = new()
    reader.feed(post("Content-Length: 101", "Expect: 100-continue"))
    assert reader.ungranted is not None
    assert not reader.idle
    assert reader.grant(True) == []
    assert reader.take_continue()


def test_a_refused_body_is_not_asked_for() -> None:
    reader = new()
    reader.feed(post("Content-Length: 101", "Expect: 100-continue"))
    reader.grant(False)
    assert not reader.take_continue()


def test_without_a_larger_limit_nothing_is_asked() -> None:
    reader = new(max_granted_bytes=MAX_BODY)
    reader.feed(sized(MAX_BODY + 1))
    assert reader.ungranted is None
    assert status(reader) == 413
