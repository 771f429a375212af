"""Messages as they come, and the events made of them."""

from __future__ import annotations

import pytest

from revurb.pusher_client.received_message import Event, gap_event, read_message


def test_an_event_has_what_came() -> None:
    message = read_message('{"event":"e","channel":"c","data":"{\\"a\\":1}","user_id":"7","id":"e-1"}')
    event = message.as_event()
    assert event == Event("e", "c", '{"a":1}', "7", "e-1")
    assert event.json() == {"a": 1}
    assert message.as_event("other").event == "other"


@pytest.mark.parametrize(
    ("data", "text"), [('{"ä":1}', '{"ä":1}'), ("null", ""), ("7", "7"), ('"plain"', "plain")]
)
def test_data_is_a_text(data: str, text: str) -> None:
    assert read_message(f'{{"event":"e","data":{data}}}').as_event().data == text


def test_fields_of_another_type_are_left_out() -> None:
    assert read_message('{"event":"e","channel":7,"user_id":7,"id":7}').as_event() == Event("e")


@pytest.mark.parametrize("text", ["", "not json", "[]", "null", '{"event":5}', "{}", "[" * 100_000])
def test_garbage_is_no_message(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_message(text)


@pytest.mark.parametrize(
    ("data", "mapping"), [('"{\\"a\\":1}"', {"a": 1}), ('{"a":1}', {"a": 1}), ('"x"', {}), ("[]", {})]
)
def test_data_of_the_protocol_is_an_object(data: str, mapping: dict[str, int]) -> None:
    assert read_message(f'{{"event":"e","data":{data}}}').mapping() == mapping


def test_a_gap_is_an_event_too() -> None:
    assert gap_event("c", "expired").json() == {"reason": "expired"}
    assert gap_event("c", "overflow", 3).json() == {"reason": "overflow", "lost": 3}
