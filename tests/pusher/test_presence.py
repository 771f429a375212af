import orjson
import pytest

from revurb.pusher.ports import Member
from revurb.pusher.presence import read_member, snapshot_json


@pytest.mark.parametrize(
    ("channel_data", "expected"),
    [
        ('{"user_id":"7","user_info":{"name":"Ann"}}', Member("7", b'"7"', b'{"name":"Ann"}')),
        ('{"user_id":7}', Member("7", b"7", b"null")),
        ('{"user_id":0,"user_info":{}}', Member("0", b"0", b"{}")),
        ('{"user_id":-5.5}', Member("-5.5", b"-5.5", b"null")),
        (
            '{"user_id":12345678901234567890123}',
            Member("12345678901234567890123", b"12345678901234567890123", b"null"),
        ),
        (' { "user_id" : "\\u00e9" } ', Member("é", b'"\\u00e9"', b"null")),
        ('{"user_id":"x","user_info":"text","extra":1}', Member("x", b'"x"', b'"text"')),
    ],
)
def test_identities(channel_data: str, expected: Member) -> None:
    assert read_member(channel_data) == expected


@pytest.mark.parametrize(
    "channel_data",
    [
        "", "not json", "null", "5", '"text"', "[]", "{}", '{"user_id":null}', '{"user_id":""}', '{"user_id":true}',
        '{"user_id":["a"]}', '{"user_id":{}}', '{"user_info":{}}', '{"user_id":"a"', '{"user_id":"a"}x',
        '{"user_id":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)  # fmt: skip
def test_what_is_no_identity(channel_data: str) -> None:
    with pytest.raises(ValueError, match="channel_data must"):
        read_member(channel_data)


def test_the_snapshot_keeps_order_and_types() -> None:
    members = [Member("0", b"0", b"{}"), Member("1", b'"1"', b"[]"), Member('q"', b'"q\\""', b"null")]
    assert orjson.loads(snapshot_json(members)) == {
        "presence": {"count": 3, "ids": [0, "1", 'q"'], "hash": {"0": {}, "1": [], 'q"': None}}
    }


def test_an_empty_snapshot() -> None:
    assert orjson.loads(snapshot_json([])) == {"presence": {"count": 0, "ids": [], "hash": {}}}
