from collections.abc import Sequence

import orjson
import pytest

from revurb.pusher.ports import Member
from revurb.pusher.presence import MANY, MemberTexts, read_member
from tests.pusher.room import Room, an_app


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
        # Half a surrogate pair is no text, but what was signed is passed on as it is.
        (
            r'{"user_id":7,"user_info":{"cut":"\ud83d"},"\ud83d":1}',
            Member("7", b"7", rb'{"cut":"\ud83d"}'),
        ),
    ],
)
def test_identities(channel_data: str, expected: Member) -> None:
    assert read_member(channel_data) == expected


@pytest.mark.parametrize(
    "channel_data",
    [
        "", "not json", "null", "5", '"text"', "[]", "{}", '{"user_id":null}', '{"user_id":""}', '{"user_id":true}',
        '{"user_id":["a"]}', '{"user_id":{}}', '{"user_info":{}}', '{"user_id":"a"', '{"user_id":"a"}x',
        r'{"user_id":"a","user_info":"\ud83d"}x', r'{"user_info":"\ud83d"}', r'["\ud83d"]',
        '{"user_id":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)  # fmt: skip
def test_what_is_no_identity(channel_data: str) -> None:
    with pytest.raises(ValueError, match="channel_data must"):
        read_member(channel_data)


@pytest.mark.parametrize("user_id", [r"\ud83d", r"a\ude00b"])
def test_an_id_with_half_a_surrogate_pair(user_id: str) -> None:
    with pytest.raises(ValueError, match="half a surrogate pair"):
        read_member(f'{{"user_id":"{user_id}","user_info":1}}')


def snapshot(members: Sequence[Member], texts: MemberTexts | None = None) -> object:
    """What the client reads."""
    escaped = (texts or MemberTexts()).snapshot(members)
    return orjson.loads(orjson.loads(b'"%b"' % escaped))


def expected(members: Sequence[Member]) -> object:
    return {
        "presence": {
            "count": len(members),
            "ids": [orjson.loads(member.id_json) for member in members],
            "hash": {member.user_id: orjson.loads(member.info_json) for member in members},
        }
    }


def test_the_snapshot_keeps_order_and_types() -> None:
    members = [
        Member("0", b"0", b"{}"),
        Member("1", b'"1"', b"[]"),
        Member('q"', b'"q\\""', b"null"),
        Member("é", '"é"'.encode(), '{"emoji":"\\ud83d\\ude00 😀","path":"a\\\\b"}'.encode()),
    ]
    assert snapshot(members) == expected(members)
    assert snapshot(members[:2]) == {"presence": {"count": 2, "ids": [0, "1"], "hash": {"0": {}, "1": []}}}


def test_an_empty_snapshot() -> None:
    assert snapshot([]) == {"presence": {"count": 0, "ids": [], "hash": {}}}


def test_lists_of_many_share_their_texts_and_follow_who_comes_and_goes() -> None:
    texts = MemberTexts()
    members = [Member(str(number), b"%d" % number, b'{"n":%d}' % number) for number in range(3 * MANY)]
    for present in (members[:MANY], members[: 2 * MANY], members[MANY:], members[MANY - 1 : 2 * MANY]):
        assert snapshot(present, texts) == expected(present)
        assert len(present) <= len(texts._texts) <= 2 * len(present)
    changed = [Member("0", b"0", b'"another info"'), *members[1:]]
    assert snapshot(changed, texts) == expected(changed)


def test_of_few_nothing_is_kept() -> None:
    texts = MemberTexts()
    few = [Member(str(number), b"%d" % number, b"null") for number in range(MANY - 1)]
    assert snapshot(few, texts) == expected(few)
    assert not texts._texts


def test_there_may_be_any_number_of_members_of_any_size(room: Room) -> None:
    """Pusher has at most 100, with ids of 128 characters and 1 KB of `user_info`."""
    app = an_app()
    for number in range(120):
        room.client(app).subscribe("presence-r", f'{{"user_id":{number}}}')
    data = {"user_id": "u" * 500, "user_info": {"text": "i" * 5000}}
    [joined] = room.client(app).subscribe("presence-r", orjson.dumps(data).decode())
    assert joined["data"]["presence"]["count"] == 121
    assert joined["data"]["presence"]["hash"]["u" * 500] == data["user_info"]
