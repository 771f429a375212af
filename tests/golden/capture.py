"""A capture as a list of exchanges: something is done, and everybody gets what follows from it.

The number of an exchange is that of its first step in the capture; docs/compatibility.md speaks of those.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from revurb.apps import App
from tests.golden import stage
from tests.golden.normal import (
    ANY,
    Answer,
    Closed,
    Control,
    Embedded,
    End,
    Item,
    Message,
    Outcome,
    read_answer,
    read_json,
    read_message,
)

FOLDER = Path(__file__).parent / "captures"
NAMES = sorted(path.stem for path in FOLDER.glob("*/*.json"))

Kind = Literal["open", "connect", "send", "trigger", "look", "request", "act"]


@dataclass(slots=True)
class Exchange:
    """What `who` did at `step`, and what Reverb made of it."""

    capture: str
    step: int
    kind: Kind
    who: str
    label: str
    text: str = ""  # the message, request or description as captured
    opcode: str = "text"
    app: App = field(default_factory=lambda: stage.APPS["app1"])
    captured_id: str | None = None  # socket id of `who` in the capture, where it shows one
    greeted_id: str | None = None  # the one that is given out in this exchange
    act: stage.Act | None = None
    prepare: list[stage.Preparation] = field(default_factory=list)
    channel: str | None = None  # the one that is being spoken of
    reverb: Outcome = field(default_factory=dict)

    def gets(self, who: str, item: Item) -> None:
        items = self.reverb.setdefault(who, [])
        if isinstance(item, End) and items and isinstance(items[-1], Closed | End):
            return  # the end that follows a close frame; or one end noted twice
        items.append(item)


def load(name: str) -> list[Exchange]:
    """The exchanges of one capture."""
    (path,) = FOLDER.glob(f"*/{name}.json")
    steps: list[dict[str, Any]] = json.loads(path.read_text())["steps"]
    return _Reading(name, steps).exchanges


class _Reading:
    """Walks the steps once."""

    def __init__(self, name: str, steps: list[dict[str, Any]]) -> None:
        self.exchanges: list[Exchange] = []
        self._name = name
        self._ids: dict[str, str] = {}
        self._prepared: list[stage.Preparation] = []
        self._channel: str | None = None
        prepare, acts = stage.directions(name, steps)
        for number, step in enumerate(steps):
            for preparation in prepare.get(number, ()):
                self._prepared.append(preparation)
                if isinstance(preparation, stage.Enter):
                    self._ids.pop(preparation.who, None)
            if number in acts:
                self._begin(number, "act", acts[number].who, repr(acts[number]), act=acts[number])
            getattr(self, f"_{step['kind']}")(number, step)

    def _begin(self, number: int, kind: Kind, who: str, label: str, **rest: Any) -> Exchange:
        exchange = Exchange(
            self._name,
            number,
            kind,
            who,
            label,
            app=stage.app_at(self._name, number),
            captured_id=self._ids.get(who),
            channel=self._channel,
            prepare=self._prepared,
            **rest,
        )
        self._prepared = []
        self.exchanges.append(exchange)
        return exchange

    def _note(self, number: int, step: Mapping[str, Any]) -> None:
        act = self.exchanges[-1].act if self.exchanges and self.exchanges[-1].step == number else None
        if isinstance(act, stage.Open):  # what the server said stands in the note, as a Python bytes literal
            raw: bytes = ast.literal_eval(step["text"].split("`")[1])
            head, _, frame = raw.partition(b"\r\n\r\n")
            self.exchanges[-1].gets(act.who, _answer(head.decode() + "\r\n\r\n"))
            self._frame(number, {"dir": "s2c", "who": act.who, "op": "text", "text": frame[2:].decode()})

    def _hs(self, number: int, step: Mapping[str, Any]) -> None:
        exchange = self._begin(number, "open", "A", step["label"], text=step["request"])
        exchange.gets("A", _answer(step["response"]))

    def _http(self, number: int, step: Mapping[str, Any]) -> None:
        exchange = self._begin(number, "request", "HTTP", step["label"], text=step["request"])
        if step["response"]:
            exchange.gets("HTTP", _answer(step["response"]))

    def _event(self, number: int, step: Mapping[str, Any]) -> None:
        who, text = step["who"], step["text"]
        if "closed the TCP connection" in text:
            self.exchanges[-1].gets(who, End())
        elif who != "HTTP":
            assert text.startswith("(nothing"), text  # nothing more came: every exchange is checked for that
        elif " -> " in text:
            exchange = self._begin(number, "look", "HTTP", text)
            for body in re.findall(r"-> (\{.*?\}|Internal server error\.)(?=  |$)", text):
                failed = body.startswith("Internal")
                exchange.gets("HTTP", Answer(500, body) if failed else Answer(200, read_json(body)))
        else:
            self._begin(number, "trigger", "HTTP", text, text=text).gets("HTTP", Answer(200, ANY))

    def _frame(self, number: int, step: Mapping[str, Any]) -> None:
        who, opcode, text = step["who"], step["op"], step["text"]
        if step["dir"] == "c2s":
            self._channel = _channel_of(text) or self._channel
            self._begin(number, "send", who, f"{who} sends {text[:100]}", text=text, opcode=opcode)
            return
        item = _received(opcode, text)
        if _is_greeting(item) and not self._asked_for_greeting(who):
            if not self._connecting(who):
                self._begin(number, "connect", who, f"{who} connects")
            self._ids[who] = json.loads(json.loads(text)["data"])["socket_id"]
            self.exchanges[-1].greeted_id = self._ids[who]
        self.exchanges[-1].gets(who, item)

    def _connecting(self, who: str) -> bool:
        """Whether the exchange is a handshake of `who` that was not greeted yet."""
        last = self.exchanges[-1] if self.exchanges else None
        if last is None or last.who != who:
            return False
        opening = last.kind == "open" or isinstance(last.act, stage.Connect | stage.Open)
        return opening and not any(isinstance(item, Message) for item in last.reverb.get(who, []))

    def _asked_for_greeting(self, who: str) -> bool:
        last = self.exchanges[-1] if self.exchanges else None
        return last is not None and last.kind == "send" and last.who == who and "established" in last.text


def _channel_of(text: str) -> str | None:
    """The channel that a message is about."""
    try:
        message = json.loads(text)
        data = message.get("data")
        channel = data["channel"] if isinstance(data, dict) and "channel" in data else message.get("channel")
    except (ValueError, AttributeError):
        return None
    return channel if isinstance(channel, str) else None


def _answer(raw: str) -> Answer:
    head, _, body = raw.partition("\r\n\r\n")
    status_line, *lines = head.split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(":") for line in lines)]
    return read_answer(int(status_line.split(" ")[1]), headers, body.encode())


def _received(opcode: str, text: str) -> Item:
    if opcode == "text":
        message = read_message(text)
        if _is_greeting(message):
            message.value["data"].value["socket_id"] = ANY
        return message
    if opcode == "close":
        code = re.match(r"code=(\d+)", text)
        return Closed(int(code[1]) if code else None)
    return Control(opcode, text)


def _is_greeting(item: Item) -> bool:
    return (
        isinstance(item, Message)
        and isinstance(item.value, dict)
        and item.value.get("event") == "pusher:connection_established"
        and isinstance(item.value["data"], Embedded)
    )
