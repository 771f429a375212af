import orjson
import pytest

from revurb.pusher.presence import Identity, Roster, read_identity


def identity(user_id: str, info: bytes = b"null") -> Identity:
    return Identity(user_id, orjson.dumps(user_id), info)


@pytest.mark.parametrize(
    ("channel_data", "expected"),
    [
        ('{"user_id":"7","user_info":{"name":"Ann"}}', Identity("7", b'"7"', b'{"name":"Ann"}')),
        ('{"user_id":7}', Identity("7", b"7", b"null")),
        ('{"user_id":0,"user_info":{}}', Identity("0", b"0", b"{}")),
        ('{"user_id":-5.5}', Identity("-5.5", b"-5.5", b"null")),
        (
            '{"user_id":12345678901234567890123}',
            Identity("12345678901234567890123", b"12345678901234567890123", b"null"),
        ),
        (' { "user_id" : "\\u00e9" } ', Identity("é", b'"\\u00e9"', b"null")),
        ('{"user_id":"x","user_info":"text","extra":1}', Identity("x", b'"x"', b'"text"')),
    ],
)
def test_identities(channel_data: str, expected: Identity) -> None:
    assert read_identity(channel_data) == expected


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
        read_identity(channel_data)


def test_a_user_is_one_member_however_many_connections() -> None:
    roster = Roster()
    assert roster.join(identity("1", b'{"tab":1}'))
    assert not roster.join(identity("1", b'{"tab":2}'))
    assert roster.join(identity("2"))
    assert len(roster) == 2
    assert roster.leave("1") is None
    assert len(roster) == 2
    assert roster.leave("1") == identity("1", b'{"tab":1}')
    assert len(roster) == 1


def test_the_info_seen_first_stays() -> None:
    roster = Roster()
    roster.join(identity("1", b'{"tab":1}'))
    roster.join(identity("1", b'{"tab":2}'))
    assert orjson.loads(roster.snapshot_json()) == {
        "presence": {"count": 1, "ids": ["1"], "hash": {"1": {"tab": 1}}}
    }


def test_the_snapshot_keeps_order_and_types() -> None:
    roster = Roster()
    for member in (
        Identity("0", b"0", b"{}"),
        Identity("1", b'"1"', b"[]"),
        Identity('q"', b'"q\\""', b"null"),
    ):
        roster.join(member)
    assert orjson.loads(roster.snapshot_json()) == {
        "presence": {"count": 3, "ids": [0, "1", 'q"'], "hash": {"0": {}, "1": [], 'q"': None}}
    }


def test_an_empty_roster() -> None:
    assert orjson.loads(Roster().snapshot_json()) == {"presence": {"count": 0, "ids": [], "hash": {}}}
