"""Lines on a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios

import pytest

from revurb.observe.terminal import CONTINUATION, has_colours, is_terminal, wrapped


def test_lines_are_as_wide_as_the_terminal() -> None:
    controller, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stream:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        assert is_terminal(stream)
        assert wrapped("w " * 40, stream) == ["w " * 29 + "w", f"{CONTINUATION}{'w ' * 9}w"]
        assert wrapped("w " * 40, stream, CONTINUATION)[0] == "w " * 23 + "w"
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 1, 0, 0))  # too narrow for any text
        assert len(wrapped("w " * 40, stream)[0]) == 39
    os.close(controller)


def test_what_is_none() -> None:
    assert not is_terminal(None)
    assert not is_terminal(io.StringIO())
    closed = io.StringIO()
    closed.close()
    assert not is_terminal(closed)
    assert wrapped("", None) == [""]


@pytest.mark.parametrize(
    ("term", "no_colour", "expected"), [("xterm", "", True), ("xterm", "1", False), ("dumb", "", False)]
)
def test_colours(monkeypatch: pytest.MonkeyPatch, term: str, no_colour: str, expected: bool) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", no_colour)
    assert has_colours() is expected
