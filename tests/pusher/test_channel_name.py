import pytest

from revurb.pusher.channel_name import (
    ChannelName,
    Kind,
    acceptable,
    is_online_channel,
    is_reserved,
    online_channel,
)


@pytest.mark.parametrize(
    ("text", "kind", "cached", "encrypted"),
    [
        ("news", Kind.PUBLIC, False, False),
        ("cache-news", Kind.PUBLIC, True, False),
        ("private-news", Kind.PRIVATE, False, False),
        ("private-cache-news", Kind.PRIVATE, True, False),
        ("private-encrypted-news", Kind.PRIVATE, False, True),
        ("private-encrypted-cache-news", Kind.PRIVATE, True, True),
        ("presence-news", Kind.PRESENCE, False, False),
        ("presence-cache-news", Kind.PRESENCE, True, False),
        # without its dash a prefix is no prefix
        ("privateer", Kind.PUBLIC, False, False),
        ("presences", Kind.PUBLIC, False, False),
        ("cachet", Kind.PUBLIC, False, False),
        ("private-cachet", Kind.PRIVATE, False, False),
        ("private-encryptedcache-", Kind.PRIVATE, False, False),
        ("0", Kind.PUBLIC, False, False),
    ],
)
def test_prefixes(text: str, kind: Kind, cached: bool, encrypted: bool) -> None:
    name = ChannelName.parse(text)
    assert (name.text, name.kind, name.cached, name.encrypted) == (text, kind, cached, encrypted)
    assert (name.presence, name.guarded) == (kind is Kind.PRESENCE, kind is not Kind.PUBLIC)


@pytest.mark.parametrize(
    ("text", "is_acceptable"),
    [
        ("", False),
        ("a", True),
        ("weird/chan name!#", True),
        ("a" * 1024, True),
        ("a" * 1025, False),
        ("é" * 512, True),
        ("é" * 513, False),
        ("😀" * 256, True),
        ("😀" * 257, False),
    ],
)
def test_acceptable_counts_bytes(text: str, is_acceptable: bool) -> None:
    assert acceptable(text) is is_acceptable


def test_user_channels_are_reserved() -> None:
    assert ChannelName.parse("#server-to-user-1").reserved
    assert ChannelName.parse("#online-1").reserved
    assert not ChannelName.parse("server-to-user-1").reserved
    assert not ChannelName.parse("#general").reserved
    for name in ("#server-to-user-1", "#online-1", "#general", "online-1"):
        assert is_reserved(name) == ChannelName.parse(name).reserved
        assert is_online_channel(name) == (name == online_channel("1"))
