"""What is wrong with a request body, in Laravel's words."""

from typing import Any

import pytest

from tests.api.desk import Desk

REQUIRED = {
    "channels": ["The channels field is required when channel is not present."],
    "channel": ["The channel field is required when channels is not present."],
}
NAMES = {"channels": ["The channels field must be an array of channel names."]}


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"name": ["The name field is required."], "data": ["The data field is required."], **REQUIRED}),
        ([], {"name": ["The name field is required."], "data": ["The data field is required."], **REQUIRED}),
        ({"name": "e", "data": "1"}, REQUIRED),
        ({"name": "e", "data": "1", "channels": []}, REQUIRED),
        ({"name": "", "channel": "c", "data": "1"}, {"name": ["The name field is required."]}),
        ({"name": 1, "channel": "c", "data": "1"}, {"name": ["The name field must be a string."]}),
        ({"name": "e", "channel": "c", "data": {}}, {"data": ["The data field must be a string."]}),
        ({"name": "e", "channel": "c", "data": None}, {"data": ["The data field is required."]}),
        ({"name": "e", "channels": "c", "data": "1"}, {"channels": ["The channels field must be an array."]}),
        ({"name": "e", "channel": ["c"], "data": "1"}, {"channel": ["The channel field must be a string."]}),
        (
            {"name": "e", "channels": ["c"], "channel": 5, "data": "1"},
            {"channel": ["The channel field must be a string."]},
        ),
        ({"name": "e", "channels": [None], "data": "1"}, NAMES),
        ({"name": "e", "channels": ["c", ""], "data": "1"}, NAMES),
        ({"name": "e", "channels": [True], "data": "1"}, NAMES),
        (
            {"name": "e", "channel": "c", "data": "1", "socket_id": 1},
            {"socket_id": ["The socket id field must be a string."]},
        ),
        ({"name": "e", "channel": "c", "data": "1", "info": ["a"]}, {"info": ["The info field must be a string."]}),
    ],
)  # fmt: skip
def test_422_of_an_event(desk: Desk, body: Any, problems: dict[str, list[str]]) -> None:
    assert desk.call("POST", "/events", body) == (422, problems)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"batch": ["The batch field is required."]}),
        ({"batch": []}, {"batch": ["The batch field is required."]}),
        ({"batch": "x"}, {"batch": ["The batch field must be an array."]}),
        (
            {"batch": [{"channel": "c", "data": "1"}]},
            {"batch.0.name": ["The batch.0.name field is required."]},
        ),
        (
            {"batch": [{"channel": "c"}, {"name": "e", "data": "1"}]},
            {
                "batch.0.name": ["The batch.0.name field is required."],
                "batch.0.data": ["The batch.0.data field is required."],
                "batch.1.channel": ["The batch.1.channel field is required when channels is not present."],
            },
        ),
        (
            {"batch": [{"name": "e", "channel": "c", "data": "1", "socket_id": 5}]},
            {"batch.0.socket_id": ["The batch.0.socket_id field must be a string."]},
        ),
        (
            {"batch": [{"name": "e", "channel": 5, "data": {}}]},
            {
                "batch.0.data": ["The batch.0.data field must be a string."],
                "batch.0.channel": ["The batch.0.channel field must be a string."],
            },
        ),
    ],
)
def test_422_of_a_batch(desk: Desk, body: Any, problems: dict[str, list[str]]) -> None:
    assert desk.call("POST", "/batch_events", body) == (422, problems)


@pytest.mark.parametrize("path", ["/events", "/batch_events"])
@pytest.mark.parametrize(
    "body", [b"", b'{"name":', b"1", b'"x"', b"null", b"true", b'{"a":"\xff"}', b"[" * 5000, b'{"a":NaN}']
)
def test_bodies_that_are_no_object(desk: Desk, path: str, body: bytes) -> None:
    status, text = desk.call("POST", path, body)
    assert status == 400
    assert text.startswith("Bad request. The body ")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The body is empty; expected a JSON object."),
        (b"{", "The body is not valid JSON: "),
        (b"\xff", "The body is not valid JSON: "),
        (b"7", "The body must be a JSON object."),
    ],
)
def test_what_is_no_object_is_told_what_it_is(desk: Desk, body: bytes, text: str) -> None:
    status, answer = desk.call("POST", "/events", body)
    assert status == 400
    assert text in str(answer)


def test_numbers_name_channels(desk: Desk) -> None:
    client = desk.client(desk.app)
    client.subscribe("7")
    client.heard()
    assert desk.call("POST", "/events", {"name": "e", "channels": [7, "b"], "data": "1"}) == (200, {})
    assert [event["channel"] for event in client.heard()] == ["7"]
