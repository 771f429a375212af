from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator

import msgspec
import pytest

from revurb.inspection.trouble_book import KEPT, MAX_FIELDS, Trouble, TroubleBook
from revurb.observe.refusal_log import LINES_EACH, WINDOW_S, RefusalLog

LOGGER = logging.getLogger("revurb.node.something")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock: Clock) -> RefusalLog:
    return RefusalLog(clock=clock)


@pytest.fixture
def book(refusals: RefusalLog) -> Iterator[TroubleBook]:
    book = TroubleBook(refusals)
    book.begin()
    yield book
    book.end()


def lines(book: TroubleBook, after: int = 0) -> list[Trouble]:
    return book.troubles(after)[0]


def refuse(refusals: RefusalLog, reason: str = "no") -> None:
    if refusals.counts("origin refused"):
        refusals.write("origin refused", "192.0.2.1", "let it in", reason=reason)


def test_refusals_have_their_advice(book: TroubleBook, refusals: RefusalLog) -> None:
    refuse(refusals)
    (line,) = lines(book)
    assert (line.level, line.what, line.advice) == ("warning", "origin refused", "let it in")
    assert line.fields == {"client": "192.0.2.1", "reason": "no"}
    assert line.at_ms > 1_700_000_000_000


def test_they_are_there_whatever_the_level_of_the_log(book: TroubleBook, refusals: RefusalLog) -> None:
    logger = logging.getLogger("revurb")
    before = logger.level
    logger.setLevel("ERROR")
    try:
        refuse(refusals)
    finally:
        logger.setLevel(before)
    assert len(lines(book)) == 1


def test_as_many_as_the_log_has_and_how_many_more_there_were(
    book: TroubleBook, refusals: RefusalLog, clock: Clock
) -> None:
    for _ in range(LINES_EACH + 7):
        refuse(refusals)
    clock.now += WINDOW_S
    refusals.on_tick()
    found = lines(book)
    assert len(found) == LINES_EACH + 1
    assert found[-1].fields["count"] == "7"


def test_warnings_and_errors_of_the_log(book: TroubleBook) -> None:
    LOGGER.info("listening")
    LOGGER.warning("the bus is gone: %s, until it is back", "events wait", extra={"broker": "redis"})
    try:
        raise LookupError("x" * 500)
    except LookupError:
        LOGGER.exception("message handling failed", extra={"socket_id": "1.2", "stack": "long"})
    logging.getLogger("other").warning("of somebody else")
    gone, failed = lines(book)
    assert gone.what == "the bus is gone: events wait, until it is back"
    assert gone.fields == {"broker": "redis"}
    assert gone.advice is not None
    assert (failed.level, failed.fields["socket_id"]) == ("error", "1.2")
    assert failed.fields["exception"].startswith("LookupError: xxx")
    assert len(failed.fields["exception"]) < 250
    assert "stack" not in failed.fields


def test_the_newest_are_kept_and_have_numbers(book: TroubleBook) -> None:
    for number in range(KEPT + 10):
        LOGGER.warning("trouble", extra={"number": number})
    found, last = book.troubles(0)
    assert (len(found), last, found[0].fields["number"]) == (KEPT, KEPT + 10, "10")
    assert book.troubles(last) == ([], last)
    assert len(lines(book, last - 3)) == 3
    assert len(lines(book, last + 1000)) == KEPT  # a number of an earlier process


def test_a_line_has_only_so_many_fields(book: TroubleBook) -> None:
    LOGGER.warning("trouble", extra={f"field_{number}": number for number in range(100)})
    assert len(lines(book)[0].fields) == MAX_FIELDS


def test_a_file_name_that_is_no_text_can_be_shown(book: TroubleBook, monkeypatch: pytest.MonkeyPatch) -> None:
    # Processes of pytest-xdist cannot tell each other such a line.
    monkeypatch.setattr(logging.getLogger("revurb"), "propagate", False)
    LOGGER.warning("no such file: %s", os.fsdecode(b"a\xff"), extra={"path": os.fsdecode(b"b\xff")})
    (shown,) = msgspec.json.decode(msgspec.json.encode(lines(book)))
    assert (shown["what"], shown["fields"]) == ("no such file: a\\udcff", {"path": "b\\udcff"})


def test_threads_may_log_while_it_is_read(book: TroubleBook) -> None:
    def log() -> None:
        while not is_read.is_set():
            LOGGER.warning("trouble")

    is_read = threading.Event()
    thread = threading.Thread(target=log)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(3000):
            found, last = book.troubles(0)
            assert len(found) == min(last, KEPT)
    finally:
        is_read.set()
        thread.join()
        sys.setswitchinterval(interval_s)


def test_nothing_is_noted_after_the_end(refusals: RefusalLog) -> None:
    book = TroubleBook(refusals)
    book.begin()
    book.end()
    LOGGER.warning("trouble")
    refuse(refusals)
    assert lines(book) == []


def test_python_prints_what_it_would_without(
    refusals: RefusalLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program without logging of its own, in which there are two nodes."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    books = [TroubleBook(refusals), TroubleBook(refusals)]
    for book in books:
        book.begin()
    try:
        LOGGER.warning("trouble")
    finally:
        for book in books:
            book.end()
    assert capsys.readouterr().err == "trouble\n"
    assert [len(lines(book)) for book in books] == [1, 1]
