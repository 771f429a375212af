"""Subscribers, members and connections of all nodes."""

from revurb.bus.ledger import Ledger
from revurb.pusher.ports import Member

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b'{"tab":1}')
BOB = Member("bob", b'"bob"', b"null")


def test_counts_are_summed_over_nodes_and_repeating_one_changes_nothing() -> None:
    ledger = Ledger()
    for node, count in (("n1", 3), ("n2", 2), ("n2", 2)):
        ledger.set_count(node, APP, "news", count)
    assert ledger.counts(APP, "news") == (5, 0)
    assert ledger.occupied_channels(APP) == ["news"]
    assert ledger.occupied_channels(APP, "priv") == []
    ledger.set_count("n1", APP, "news", 0)
    ledger.set_count("n2", APP, "news", 0)
    assert ledger.occupied_channels(APP) == []


def test_a_user_is_one_member_until_the_last_node_leaves() -> None:
    ledger = Ledger()
    assert ledger.join("n1", APP, ROOM, ANN)
    assert not ledger.join("n2", APP, ROOM, ANN._replace(info_json=b'{"tab":2}'))
    assert ledger.join("n2", APP, ROOM, BOB)
    assert ledger.members(APP, ROOM) == [ANN, BOB]
    assert ledger.leave("n1", APP, ROOM, "ann") is None
    assert ledger.leave("n1", APP, ROOM, "ann") is None
    assert ledger.has_member(APP, ROOM, "ann")
    assert ledger.leave("n2", APP, ROOM, "ann") == ANN
    assert not ledger.has_member(APP, ROOM, "ann")


def test_what_a_node_holds_can_be_removed_while_it_is_read() -> None:
    ledger = Ledger()
    for channel in ("presence-a", "presence-b"):
        ledger.join("n1", APP, channel, ANN)
        ledger.join("n2", APP, channel, BOB)
    for app_id, channel, member in ledger.members_of_node("n1"):
        assert ledger.leave("n1", app_id, channel, member.user_id) == ANN
    assert list(ledger.members_of_node("n1")) == []
    assert len(list(ledger.members_of_node("n2"))) == 2


def test_counts_are_cleared_except_for_some_channels() -> None:
    ledger = Ledger()
    for channel in ("a", "b", "c"):
        ledger.set_count("n1", APP, channel, 1)
        ledger.set_count("n2", APP, channel, 1)
    assert sorted(ledger.keys_of_node("n1")) == [(APP, "a"), (APP, "b"), (APP, "c")]
    for channel in ("a", "c"):
        ledger.set_count("n1", APP, channel, 0)
    assert ledger.keys_of_node("n1") == ((APP, "b"),)
    assert [ledger.counts(APP, channel)[0] for channel in ("a", "b", "c")] == [1, 2, 1]


def test_connections_are_changed_and_replaced() -> None:
    ledger = Ledger()
    ledger.add_connections("n1", APP, 3)
    ledger.add_connections("n2", APP, 1)
    ledger.add_connections("n1", APP, -1)
    assert ledger.connections(APP) == 3
    ledger.replace_connections("n1", {"app2": 5})
    assert (ledger.connections(APP), ledger.connections("app2")) == (1, 5)


def test_nothing_is_kept_of_what_is_gone() -> None:
    ledger = Ledger()
    ledger.set_count("n1", APP, ROOM, 1)
    ledger.join("n1", APP, ROOM, ANN)
    ledger.add_connections("n1", APP, 1)
    ledger.set_count("n1", APP, ROOM, 0)
    ledger.leave("n1", APP, ROOM, "ann")
    ledger.replace_connections("n1", {})
    assert ledger._channels == {}
    assert ledger._connections == {}
    assert ledger._keys_by_node == {}


def test_a_user_on_two_nodes_goes_with_the_last_of_them() -> None:
    """Whichever node is removed first, and whether its count or its members are."""
    for first, last in (("n1", "n2"), ("n2", "n1")):
        ledger = Ledger()
        for node in ("n1", "n2"):
            ledger.set_count(node, APP, ROOM, 1)
            ledger.join(node, APP, ROOM, ANN)
        ledger.set_count(first, APP, ROOM, 0)
        assert ledger.keys_of_node(first) == ((APP, ROOM),)  # for its member
        assert [ledger.leave(*key) for key in ((first, APP, ROOM, "ann"),)] == [None]
        assert ledger.keys_of_node(first) == ()
        assert ledger.counts(APP, ROOM) == (1, 1)
        assert list(ledger.members_of_node(last)) == [(APP, ROOM, ANN)]
        assert ledger.leave(last, APP, ROOM, "ann") == ANN
        assert ledger.counts(APP, ROOM) == (1, 0)
        ledger.set_count(last, APP, ROOM, 0)
        assert ledger.occupied_channels(APP) == []
        assert ledger.keys_of_node(last) == ()


class Observed:
    """What a ledger says that a change has decided."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.observer = self
        self.told: list[tuple[object, ...]] = []

    def occupied(self, app_id: str, channel: str) -> None:
        self.told.append(("occupied", channel))

    def vacated(self, app_id: str, channel: str) -> None:
        self.told.append(("vacated", channel))

    def added(self, app_id: str, channel: str, user_id: str) -> None:
        self.told.append(("added", channel, user_id))

    def removed(self, app_id: str, channel: str, user_id: str) -> None:
        self.told.append(("removed", channel, user_id))

    def counted(self, app_id: str, channel: str, count: int) -> None:
        self.told.append((channel, count))


def test_who_observes_is_told_of_the_first_and_the_last_over_all_nodes() -> None:
    observed = Observed()
    ledger = observed.ledger
    for node, count in (("n1", 1), ("n1", 2), ("n2", 1), ("n1", 0), ("n1", 0), ("n2", 0), ("n3", 0)):
        ledger.set_count(node, "app1", "news", count)
    assert observed.told == [
        ("occupied", "news"),
        ("news", 1),
        ("news", 2),
        ("news", 3),
        ("news", 1),
        ("vacated", "news"),
        ("news", 0),
    ]


def test_who_observes_is_told_of_users_and_not_of_their_connections() -> None:
    observed, ann = Observed(), Member("ann", b'"ann"', b"null")
    ledger = observed.ledger
    for node in ("n1", "n2"):
        ledger.join(node, "app1", "room", ann)
        ledger.join(node, "app1", "room", ann)
    for node in ("n1", "n1", "n2", "n3"):
        ledger.leave(node, "app1", "room", "ann")
    assert observed.told == [("added", "room", "ann"), ("removed", "room", "ann")]


def test_a_channel_is_occupied_by_subscribers() -> None:
    ledger = Ledger()
    assert not ledger.is_occupied("app1", "news")
    ledger.join("n1", "app1", "news", Member("ann", b'"ann"', b"null"))
    assert not ledger.is_occupied("app1", "news")
    ledger.set_count("n1", "app1", "news", 1)
    assert ledger.is_occupied("app1", "news")


def test_a_channel_is_full_for_those_who_are_not_there() -> None:
    ledger = Ledger()
    ledger.join("n1", APP, ROOM, ANN)
    ledger.join("n2", APP, ROOM, ANN)
    assert not ledger.is_full_for(APP, ROOM, "bob", 2)
    assert ledger.is_full_for(APP, ROOM, "bob", 1)
    assert not ledger.is_full_for(APP, ROOM, "ann", 1)
    assert not ledger.is_full_for(APP, "presence-empty", "bob", 1)
