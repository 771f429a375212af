import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from revurb.observe.logs import configure_logging


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("revurb")
    before = (logger.handlers[:], logger.level, logger.propagate)
    last_resort = logging.lastResort
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    logging.captureWarnings(False)
    logging.getLogger("py.warnings").handlers.clear()
    logging.getLogger("py.warnings").propagate = True
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.lastResort = last_resort
    logger.handlers[:], logger.level, logger.propagate = before


def said(form: str, level: str = "info") -> str:
    stream = io.StringIO()
    configure_logging(form, level, stream)
    logger = logging.getLogger("revurb.some.module")
    logger.debug("too fine")
    logger.info("listening", extra={"host": "::1", "port": 8080})
    try:
        raise ValueError("reason")
    except ValueError:
        logger.exception("failed")
    return stream.getvalue()


def test_plain_lines_carry_the_fields() -> None:
    lines = said("plain").splitlines()
    assert lines[0].endswith("INFO    listening host=::1 port=8080")
    assert lines[-1] == "ValueError: reason"


def test_no_value_can_be_read_as_further_fields() -> None:
    stream = io.StringIO()
    configure_logging("plain", "info", stream)
    fields = {"client": "unix socket", "origin": 'a" client=1.2.3.4', "advice": "set A=1"}
    logging.getLogger("revurb.some.module").info("origin refused", extra=fields)
    assert stream.getvalue().endswith(
        r'origin refused client=unix socket origin="a\" client=1.2.3.4" advice=set A=1' + "\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_plain_lines_on_a_terminal(monkeypatch: pytest.MonkeyPatch, no_colour: str) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_colour)
    stream = Terminal()
    configure_logging("plain", "info", stream)
    logger = logging.getLogger("revurb.some.module")
    logger.warning("origin refused", extra={"advice": "word " * 30})
    logger.info("listening")
    shown = stream.getvalue()
    plain = re.sub(r"\x1b\[\d*m", "", shown)
    first, second, third, last = plain.splitlines()
    assert max(map(len, plain.splitlines())) <= 80
    assert first[19:].startswith(" WARNING origin refused advice=word word")
    assert second.startswith(third[:13] + "word")
    assert last[19:] == " INFO    listening"
    assert (shown == plain) is bool(no_colour)
    assert ("\x1b[33mWARNING \x1b[0m" in shown) is not bool(no_colour)


def test_json_lines_carry_the_same() -> None:
    first, second = map(json.loads, said("json").splitlines())
    assert {key: first[key] for key in ("level", "logger", "message", "host", "port")} == {
        "level": "info",
        "logger": "revurb.some.module",
        "message": "listening",
        "host": "::1",
        "port": 8080,
    }
    assert "ValueError: reason" in second["exception"]


HOSTILE = "a\nb\x1b[2J\x85c\x9bd\u202ee\x7f"


def said_of(form: str, value: object, *, exception: bool = False) -> str:
    stream = io.StringIO()
    configure_logging(form, "info", stream)
    try:
        raise ValueError(value)
    except ValueError:
        logging.getLogger("revurb.x").info("found", extra={"value": value}, exc_info=exception)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["plain", "json"])
def test_control_characters_are_escaped(form: str) -> None:
    text = said_of(form, HOSTILE)
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    text = said_of(form, HOSTILE, exception=True)
    assert text.replace("\n", "").isprintable()
    if form == "json":
        assert json.loads(text)["value"] == HOSTILE
        assert HOSTILE in json.loads(text)["exception"]


def test_a_stack_has_lines_of_its_own() -> None:
    stream = io.StringIO()
    configure_logging("plain", "info", stream)
    logging.getLogger("revurb.x").info("blocked", extra={"pid": 7, "stack": "File a\n  b\x9b"})
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("blocked pid=7")
    assert rest == ["File a", "  b\\x9b"]


@pytest.mark.parametrize("value", [1 << 70, "\ud800", {"a": object}, b"\xff"])
@pytest.mark.parametrize("form", ["plain", "json"])
def test_every_value_can_be_logged(form: str, value: object) -> None:
    text = said_of(form, value)
    assert "found" in text
    assert text[:-1].isprintable()


def test_what_nobody_else_handles_has_the_same_form() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream, worker=3)
    logger = logging.getLogger("somebody.else")
    before, logger.propagate = logger.propagate, False  # pytest has a handler at the root
    logger.error("failed\x9b")
    logger.info("nothing")
    logger.propagate = before
    entry = json.loads(stream.getvalue())
    assert (entry["message"], entry["logger"], entry["worker"]) == ("failed\x9b", "somebody.else", 3)


def test_the_level_counts() -> None:
    assert "listening" not in said("plain", "error")
    assert "too fine" in said("plain", "debug")


def test_what_python_itself_would_print_is_json() -> None:
    stream = io.StringIO()
    configure_logging("json", "info", stream)

    def fail() -> None:
        raise ValueError("a\nb")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)  # Ctrl-C is no fault

    class Broken:
        def __del__(self) -> None:
            raise ValueError("a\nb")

    Broken()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    entries = [json.loads(line) for line in stream.getvalue().splitlines()]
    uncaught = [entry for entry in entries if entry["message"] == "uncaught exception"]
    assert ["ValueError: a\nb" in entry["exception"] for entry in uncaught] == [True, True]
    (ignored,) = [entry for entry in entries if entry["message"] == "ignored exception"]
    assert "ValueError: a\nb" in ignored["exception"]
    assert ignored["where"].endswith("Broken.__del__")
    assert sum("DeprecationWarning: old" in entry["message"] for entry in entries) == 1
