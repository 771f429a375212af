import io

import pytest

from revurb.observe.trace import MAX_SHOWN_CHARS, MessageTrace, readable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b'{"event":"e","data":"{\\"a\\":1}"}', '{"event":"e","data":{"a":1}}'),
        (b'{"event":"e","data":"plain"}', '{"event":"e","data":"plain"}'),
        (b"not json", "'not json'"),
        (b"[1]", "[1]"),
    ],
)
def test_readable(text: bytes, shown: str) -> None:
    assert readable(text) == shown


def test_long_messages_are_cut() -> None:
    shown = readable(b'"' + b"x" * 5000 + b'"')
    assert shown.endswith("... (5002 bytes)")
    assert len(shown) < MAX_SHOWN_CHARS + 30


@pytest.mark.parametrize(
    "message",
    [
        b'{"event":"pusher:subscribe","data":{"channel":"private-x","auth":"key1:signature"}}',
        b'{"event":"pusher:subscribe","data":"{\\"auth\\":\\"key1:signature\\"}"}',
        b'{"auth" : "key1:signature"',
        b'"{\\"auth\\":\\"key1:signature\\"',
    ],
)
def test_auth_strings_are_not_shown(message: bytes) -> None:
    stream = io.StringIO()
    MessageTrace(stream).received("1.2", message)
    assert "1.2" in stream.getvalue()
    assert "signature" not in stream.getvalue()


def test_control_characters_are_escaped() -> None:
    stream = io.StringIO()
    trace = MessageTrace(stream)
    trace.received("1.2", '{"event":"\x85\u202e\x9b\x7f"}'.encode())
    trace.received("1.2", b"\xc2\x9b not json")
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))


class Unwritable(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [Unwritable(), io.TextIOWrapper(io.BytesIO(), "latin-1")])
def test_what_cannot_be_printed_is_counted(stream: io.TextIOBase) -> None:
    trace = MessageTrace(stream)  # type: ignore[arg-type]
    trace.received("1.2", '{"event":"日"}'.encode())
    assert trace.lines_dropped == 1


def test_arrows() -> None:
    stream = io.StringIO()
    trace = MessageTrace(stream)
    trace.received("1.2", b"{}")
    trace.sent("1.2", b"{}")
    trace.note("1.2", "disconnected")
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == [
        "<-- 1.2 {}",
        "--> 1.2 {}",
        "--- 1.2 disconnected",
    ]


class Console:
    """What a program may have put in place of `sys.stdout`: it has no descriptor and no encoding."""

    def __init__(self, *, fails: bool = False) -> None:
        self.written = ""
        self._fails = fails

    def write(self, text: str) -> int:
        if self._fails:
            raise RuntimeError("the window is closed")
        self.written += text
        return len(text)

    def flush(self) -> None:
        pass


def test_a_standard_output_that_a_program_has_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console()
    monkeypatch.setattr("sys.stdout", console)
    MessageTrace().note("1.1", "connected")
    assert console.written.endswith(" --- 1.1 connected\n")
    monkeypatch.setattr("sys.stdout", Console(fails=True))
    trace = MessageTrace()
    trace.note("1.1", "connected")
    assert trace.lines_dropped == 1
