"""The subscriptions and connections of one node."""

from revurb.bus.local_state import LocalChannel, LocalState
from revurb.pusher.ports import Member

ANN = Member("ann", b'"ann"', b'{"tab":1}')


def test_a_user_with_two_connections_is_one_member() -> None:
    channel = LocalChannel(LocalState())
    assert channel.join(ANN)
    assert not channel.join(ANN._replace(info_json=b'{"tab":2}'))
    assert channel.member_list() == [ANN]
    assert channel.leave("ann") is None
    assert channel.leave("ann") == ANN
    assert channel.member_list() == []


def test_channels_exist_from_the_first_subscriber_to_the_last() -> None:
    state = LocalState()
    assert state.find("app1", "news") is None
    channel = state.open("app1", "news")
    assert state.open("app1", "news") is channel
    assert list(state.items()) == [("app1", "news", channel)]
    state.close("app1", "news")
    assert state.apps == {}


def test_connections_are_counted_by_app() -> None:
    state = LocalState()
    assert (state.connect("app1"), state.connect("app1"), state.connect("app2")) == (1, 2, 1)
    assert (state.disconnect("app1"), state.disconnect("app2")) == (1, 0)
    assert state.connections == {"app1": 1}
