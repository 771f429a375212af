"""What a node keeps of others."""

from __future__ import annotations

from revurb.bus.brokered import broker_messages as m
from revurb.bus.brokered.known_nodes import MAX_PARTITIONS, KnownNodes
from revurb.pusher.ports import Member

ROOM = m.ChannelReport("app1", "presence-room", 0, [Member("ann", b'"ann"', b"null")])


def test_an_event_of_another_node_is_delivered_once() -> None:
    others = KnownNodes()
    assert others.claim_delivery("n1", 0, 5)
    assert not others.claim_delivery("n1", 0, 5)
    assert not others.claim_delivery("n1", 0, 4)
    assert others.claim_delivery("n1", 0, 6)
    assert others.claim_delivery("n1", m.ADDED_MEMBERS, 1)
    assert others.claim_delivery("n2", 0, 1)


def test_each_partition_has_numbers_of_its_own() -> None:
    others = KnownNodes()
    partitions = (*range(MAX_PARTITIONS), m.ADDED_MEMBERS, m.REMOVED_MEMBERS)
    for number, partition in enumerate(partitions, 1):
        assert others.claim_delivery("n1", partition, number)
    for number, partition in enumerate(partitions, 1):
        assert not others.claim_delivery("n1", partition, number)
    assert others.claim_delivery("n1", 5, 2**63)
    assert not others.claim_delivery("n1", 5, -1)


def test_of_a_node_that_is_gone_nothing_is_kept() -> None:
    """Its name may be used again, by one that counts from 1."""
    others = KnownNodes()
    for node in ("n1", "n2"):
        others.claim_delivery(node, 0, 5)
        others.keep(m.EntrustedMembers(node, [ROOM]))
    others.gone("n1")
    others.gone("n3")
    assert others.claim_delivery("n1", 0, 1)
    assert not others.claim_delivery("n2", 0, 5)
    assert list(others.entrusted()) == [m.EntrustedMembers("n2", [ROOM])]


def test_the_members_of_others_are_kept_until_these_are_back() -> None:
    others = KnownNodes()
    parts = [m.EntrustedMembers("n1", [ROOM]), m.EntrustedMembers("n1", [ROOM, ROOM])]
    for part in parts:
        others.keep(part)
    others.keep(m.EntrustedMembers("n2", []))
    assert list(others.entrusted()) == parts
    others.keep(m.EntrustedMembers("n1", []))
    assert list(others.entrusted()) == []


def test_a_broker_that_has_them_gives_them_to_somebody_again() -> None:
    others = KnownNodes()
    others.keep(m.EntrustedMembers("n1", [ROOM]))
    others.welcomed()
    assert list(others.entrusted()) == []
