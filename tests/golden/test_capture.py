"""A capture becomes exchanges: who did what, and what everybody got."""

from __future__ import annotations

import json

import pytest

from tests.golden import capture
from tests.golden.normal import Answer, Closed, End, Message, show


def exchange(name: str, step: int) -> capture.Exchange:
    (found,) = (each for each in capture.load(name) if each.step == step)
    return found


@pytest.mark.parametrize("name", capture.NAMES)
def test_nothing_that_was_received_is_lost(name: str) -> None:
    (path,) = capture.FOLDER.glob(f"*/{name}.json")
    received = [
        step
        for step in json.loads(path.read_text())["steps"]
        if step.get("dir") == "s2c" and step["op"] != "close"
    ]
    kept = [item for each in capture.load(name) for items in each.reverb.values() for item in items]
    behind_a_note = name == "05-errors"  # the greeting that the last note quotes
    assert len(received) + behind_a_note == sum(not isinstance(item, Answer | Closed | End) for item in kept)


def test_frames_belong_to_what_was_done_before_them() -> None:
    joined = exchange("02b-presence", 5)
    assert joined.who == "B"
    assert set(joined.reverb) == {"A", "B"}
    assert "member_added" in show(joined.reverb["A"])


def test_a_connection_that_drops_is_an_act() -> None:
    dropped = exchange("02b-presence", 25)
    assert dropped.kind == "act"
    assert "member_removed" in show(dropped.reverb["A"])


def test_socket_ids_are_any_socket_id() -> None:
    greeting = exchange("02a-public-private", 1).reverb["A"][0]
    assert isinstance(greeting, Message)
    assert greeting.value["data"].value["socket_id"] == "…"


def test_a_greeting_that_was_asked_for_is_no_new_connection() -> None:
    assert exchange("05-errors", 32).kind == "send"


def test_a_close_frame_and_the_end_behind_it_are_one() -> None:
    assert exchange("05-errors", 91).reverb == {"A": [Closed(1002)]}
    assert exchange("06-limits", 70).reverb == {"A": [End()]}


def test_the_apps_of_a_section() -> None:
    assert exchange("04-client-events", 85).app.id == "app7"
    assert exchange("06-limits", 26).app.id == "app3"
