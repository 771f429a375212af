from __future__ import annotations

import pytest

from revurb.inspection.question_types import (
    QUESTIONS,
    ChannelsAsked,
    EventsAsked,
    QuestionRefused,
    UserAsked,
    read_question,
)


def test_questions_are_read() -> None:
    assert read_question("channels", b'{"app":"1"}') == ChannelsAsked("1")
    assert read_question("events", b'{"app":"1","after":{"h/1":3}}') == EventsAsked("1", after={"h/1": 3})
    assert read_question("user", b'{"app":"1","user_id":7}') == UserAsked("1", 7)


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("channels", b"{}", "app"),
        ("channels", b'{"app":"1","limit":0}', "limit"),
        ("channels", b'{"app":"1","limit":201}', "limit"),
        ("channels", b'{"app":"1","filter":7}', "filter"),
        ("channels", b'{"app":"1","secret":7}', "secret"),
        ("channel", b'{"app":"1","channel":""}', "channel"),
        ("figures", b'{"after":{"h/1":"x"}}', "after"),
        ("publish", b'{"app":"1","channels":["a"],"event":"e","data":{}}', "data"),
        ("overview", b"[]", "array"),
        ("overview", b"{", "truncated"),
    ],
)
def test_a_question_that_is_wrong_is_told_what_is(name: str, body: bytes, says: str) -> None:
    with pytest.raises(QuestionRefused) as refused:
        read_question(name, body)
    assert refused.value.status == 400
    assert says in refused.value.sentence


def test_one_that_there_is_none_of_is_told_which_there_are() -> None:
    with pytest.raises(QuestionRefused) as refused:
        read_question("secrets", b"{}")
    assert refused.value.status == 404
    assert all(name in refused.value.sentence for name in QUESTIONS)
