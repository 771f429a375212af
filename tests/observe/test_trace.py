import io
import json
import re

import pytest

from revurb.observe.trace import MAX_SHOWN_CHARS, MessageTrace, readable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b'{"event":"e","data":"{\\"a\\":1}"}', 'e {"a":1}'),
        (b'{"event":"e","data":"plain"}', 'e "plain"'),
        (b'{"event":"e","channel":"c","data":"{\\"a\\":1}"}', 'e c {"a":1}'),
        (b'{"event":"e","channel":"c","data":1,"user_id":"7"}', 'e c 1 {"user_id":"7"}'),
        (b'{"event":"e"}', "e"),
        (
            b'{"event":"pusher:signin","data":{"auth":"key1:abc","user_data":"{\\"id\\":\\"7\\"}"}}',
            'pusher:signin {"auth":"...","user_data":{"id":"7"}}',
        ),
        (
            b'{"event":"pusher:signin_success","data":"{\\"user_data\\":\\"{\\\\\\"id\\\\\\":7}\\"}"}',
            'pusher:signin_success {"user_data":{"id":7}}',
        ),
        (b'{"event":5,"channel":"c"}', '{"event":5,"channel":"c"}'),
        (b'{"name":"e","channel":"c","data":"{\\"a\\":1}"}', '{"name":"e","channel":"c","data":{"a":1}}'),
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


def test_requests_and_responses() -> None:
    stream = io.StringIO()
    trace = MessageTrace(stream)
    trace.request(1, "POST", "/apps/1/events", b'{"name":"e","data":"{\\"a\\":1}"}')
    trace.response(1, 200, b"{}")
    trace.request(2, "GET", "/up", b"")
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == [
        '<-- http 1 POST /apps/1/events {"name":"e","data":{"a":1}}',
        "--> http 1 200 {}",
        "<-- http 2 GET /up",
    ]


def test_webhooks() -> None:
    for form in ("plain", "json"):
        stream = io.StringIO()
        trace = MessageTrace(stream, form)
        trace.webhook_sent("https://example.com/?...", b'{"time_ms":1,"events":[]}')
        trace.webhook_answered("https://example.com/?...", "answered 200")
        lines = stream.getvalue().splitlines()
        if form == "plain":
            assert [line.split(" ", 1)[1] for line in lines] == [
                '--> webhook https://example.com/?... {"time_ms":1,"events":[]}',
                "<-- webhook https://example.com/?... answered 200",
            ]
        else:
            assert [json.loads(line)["webhook"] for line in lines] == ["https://example.com/?..."] * 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_lines_have_80_columns_and_colours(
    monkeypatch: pytest.MonkeyPatch, colour: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    if colour:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    trace = MessageTrace(stream)
    trace.note("57760433292721.1048446751", "connected to app 1 from 127.0.0.1:50123")
    words = b" ".join([b"word"] * 40)
    trace.received("57760433292721.1048446751", b'{"event":"e","data":"%s"}' % words)
    trace.sent("57760433292721.1048446751", b'{"event":"e","data":"%s"}' % (b"x" * 200))
    text = stream.getvalue()
    assert ("\x1b[" in text) is colour
    plain = re.sub(r"\x1b\[\d*m", "", text)
    assert all(len(line) <= 80 for line in plain.splitlines())
    first, second, third, *_ = plain.splitlines()
    assert first[8:] == " --- ..446751 connected to app 1 from 127.0.0.1:50123"
    assert second[8:].startswith(' <-- ..446751 e "word word')
    assert third.startswith(" " * 13 + "word")
    if colour:
        assert re.findall(r"\x1b\[(\d*)m([-<>]{3})", text) == [("2", "---"), ("36", "<--"), ("32", "-->")]


def test_as_json_each_is_an_object_on_a_line() -> None:
    stream = Terminal()
    trace = MessageTrace(stream, "json")
    trace.received("1.2", '{"event":"e\x85","data":"x"}'.encode())
    trace.request(3, "GET", "/up", b"")
    trace.note("1.2", "disconnected")
    trace.published("7", ["a", "b"], "e", "x")
    entries = [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]
    assert [(entry["message"], entry["text"]) for entry in entries] == [
        ("received", 'e\x85 "x"'),
        ("received", "GET /up"),
        ("connection", "disconnected"),
        ("received", 'e a,b "x"'),
    ]
    assert [entry.get("socket_id") for entry in entries] == ["1.2", None, "1.2", None]
    assert (entries[1]["request"], entries[3]["app"]) == ("3", "7")
    assert stream.getvalue().replace("\n", "").isprintable()
