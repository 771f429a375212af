"""What a node has reported, from several parts."""

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.node_report import NodeReport
from revurb.bus.ledger import ChannelKey
from revurb.pusher.ports import Member

APP, ROOM = "app1", "presence-room"
ANN = Member("ann", b'"ann"', b"null")
BOB = Member("bob", b'"bob"', b"null")


def test_the_newest_report_of_a_channel_counts() -> None:
    report = NodeReport()
    report.add(
        m.StatePart([m.ChannelReport(APP, ROOM, 1, [ANN]), m.ChannelReport(APP, "news", 1, [])], [], [])
    )
    report.add(m.StatePart([m.ChannelReport(APP, ROOM, 2, [BOB])], [], [m.DepartedMember(APP, ROOM, ANN, 1)]))
    report.add(m.StatePart([m.ChannelReport(APP, "news", 0, [])], [], []))
    assert report.channels == {(APP, ROOM): m.ChannelReport(APP, ROOM, 2, [BOB])}
    assert report.departed == [m.DepartedMember(APP, ROOM, ANN, 1)]


def test_a_report_can_continue_the_one_before() -> None:
    report = NodeReport()
    report.add(m.StatePart([m.ChannelReport(APP, ROOM, 3, [ANN])], [], []))
    report.add(m.StatePart([m.ChannelReport(APP, ROOM, 3, [BOB], ["eve"], True)], [], []))
    looked_up: dict[ChannelKey, set[str]] = {}
    assert [report.has_user(APP, ROOM, looked_up, user) for user in ("ann", "bob", "eve", "joe")] == [
        True,
        True,
        True,
        False,
    ]
    assert not report.has_user(APP, "none", looked_up, "ann")
