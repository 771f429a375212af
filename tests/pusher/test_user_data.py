"""What an application may sign as user_data."""

from __future__ import annotations

import pytest

from revurb.pusher.user_data import read_user_data


def test_everything_but_the_id_may_be_missing() -> None:
    (member, watchlist) = read_user_data('{"id":"ann"}')
    assert (member.user_id, member.id_json, member.info_json, watchlist) == ("ann", b'"ann"', b"null", ())
    assert read_user_data('{"id":"ann","watchlist":null,"user_info":null,"name":"Ann"}').watchlist == ()


def test_the_info_is_what_was_signed() -> None:
    (member, _) = read_user_data('{"user_info": {"name": "\\u00e9", "x": 1e400}, "id": "a/b\\n"}')
    assert member.user_id == "a/b\n"
    assert member.info_json == b'{"name": "\\u00e9", "x": 1e400}'


def test_numbers_are_ids_for_their_digits() -> None:
    member, watchlist = read_user_data('{"id":7,"watchlist":[1,"2",3,"3",18446744073709551616]}')
    assert (member.user_id, member.id_json) == ("7", b'"7"')
    assert watchlist == ("1", "2", "3", "18446744073709551616")


def test_half_a_surrogate_pair_is_for_the_info_only() -> None:
    (member, _) = read_user_data('{"id":"1","user_info":{"name":"\\ud83d"}}')
    assert member.info_json == b'{"name":"\\ud83d"}'
    for text in ('{"id":"\\ud83d"}', '{"id":"1","watchlist":["\\ud83d"],"user_info":"\\ud83d"}'):
        with pytest.raises(ValueError, match=r"surrogate|id"):
            read_user_data(text)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "5", '"ann"', "{}", '{"id":""}', '{"id":null}', '{"id":true}', '{"id":["a"]}', '{"id":{}}',
     '{"id":"1"', '{"user_id":"1"}', '{"id":"%s"}' % ("é" * 600)],
)  # fmt: skip
def test_there_must_be_an_id(text: str) -> None:
    with pytest.raises(ValueError, match="id"):
        read_user_data(text)


@pytest.mark.parametrize(
    "watchlist", ["{}", '"1"', "5", "true", "[null]", '[["1"]]', "[true]", "[1.5]", '[""]']
)
def test_a_watchlist_is_a_list_of_ids(watchlist: str) -> None:
    with pytest.raises(ValueError, match="watchlist"):
        read_user_data(f'{{"id":"1","watchlist":{watchlist}}}')


def test_ids_that_are_too_long_for_a_channel_are_no_ids() -> None:
    with pytest.raises(ValueError, match="watchlist"):
        read_user_data('{"id":"1","watchlist":["%s"]}' % ("a" * 1010))
    assert len(read_user_data('{"id":"1","watchlist":["%s"]}' % ("a" * 1000)).watchlist) == 1
