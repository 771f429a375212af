import io
import json
import logging
from collections.abc import Iterator

import pytest

from revurb.observe.logs import configure_logging


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("revurb")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
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


def test_the_level_counts() -> None:
    assert "listening" not in said("plain", "error")
    assert "too fine" in said("plain", "debug")
