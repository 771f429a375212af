"""Which question may be asked, after what was heard."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.bus.reverb.php_release import HeardReleases, PhpRelease
from tests.bus.engines import APP, resolve
from tests.bus.reverb.conftest import MixedCluster
from tests.bus.reverb.php_node import captured
from tests.bus.reverb.test_metrics_requests import two_nodes

OLD, NEW, UNCLEAR = PhpRelease.OLD, PhpRelease.NEW, PhpRelease.UNCLEAR


@pytest.mark.parametrize(
    ("heard", "auto", "as_1_6", "as_1_7"),
    [
        ((), None, OLD, NEW),
        ((UNCLEAR,), None, OLD, NEW),
        ((OLD,), OLD, OLD, None),
        ((NEW,), NEW, None, NEW),
        ((NEW, UNCLEAR), None, None, NEW),
        ((OLD, UNCLEAR), OLD, OLD, None),
        ((OLD, NEW), None, None, None),
    ],
)
def test_nobody_is_asked_what_would_end_a_node_that_was_heard(
    heard: tuple[PhpRelease, ...],
    auto: PhpRelease | None,
    as_1_6: PhpRelease | None,
    as_1_7: PhpRelease | None,
) -> None:
    for declared, form in (("auto", auto), ("1.6", as_1_6), ("1.7", as_1_7)):
        releases = HeardReleases(declared)  # type: ignore[arg-type]
        for release in heard:
            releases.hear(release)
        assert releases.form is form
        releases.forget()
        assert releases.form is {"auto": None, "1.6": OLD, "1.7": NEW}[declared]


def test_a_new_question_has_ended_all_old_nodes() -> None:
    releases = HeardReleases()
    releases.hear(UNCLEAR)
    releases.hear_new_question()
    assert releases.form is NEW
    releases.hear(OLD)  # one that has come since
    assert releases.form is None


def test_the_reason_says_what_to_do() -> None:
    releases = HeardReleases()
    assert "REVURB_SCALING_REVERB" in releases.why_none
    releases.hear(OLD)
    releases.hear(NEW)
    assert "before and after 1.7" in releases.why_none
    declared = HeardReleases("1.6")
    declared.hear(NEW)
    assert "REVURB_SCALING_REVERB=1.6" in declared.why_none


# Releases up to 1.6.3, which end on the question of later ones.


@pytest.mark.parametrize("kind", ["connections", "channels", "channel_users"])
async def test_old_nodes_are_answered_in_their_own_form(mixed: MixedCluster, kind: str) -> None:
    await two_nodes(mixed)
    php_node = await mixed.old_php(s_1={"pub": None})
    options: Any = {"connections": [], "channels": {"filter": None, "info": None}}.get(
        kind, {"channel": "presence-r"}
    )
    receivers, answers = await php_node.old_question(kind, options)
    assert receivers == len(answers) == 3
    sizes = {"connections": [1, 2, 3], "channels": [1, 2, 3], "channel_users": [0, 1, 2]}
    assert sorted(len(answer) for answer in answers) == sizes[kind]


async def test_old_nodes_are_asked_in_their_own_form_once_they_were_heard(
    mixed: MixedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then nobody is asked: a question of the later form would end them. The log says so once."""
    node = await mixed.node(release="auto")
    await node.enter("pub")
    php_node = await mixed.old_php(s_1={"pub": None}, s_2={"presence-far": "7"})
    for _ in range(2):
        assert await resolve(node.bus.connections(APP)) == 0
        assert set(await resolve(node.bus.channels(APP, ""))) == {"pub"}
    [warning] = [record for record in caplog.records if "leave out" in record.getMessage()]
    assert "REVURB_SCALING_REVERB" in warning.__dict__["reason"]
    await php_node.old_question("connections")
    assert await resolve(node.bus.connections(APP)) == 2
    assert set(await resolve(node.bus.channels(APP, ""))) == {"pub", "presence-far"}
    states = await resolve(node.bus.describe(APP, ["pub", "presence-far"]))
    assert [state.subscription_count for state in states] == [2, 1]
    assert [member.user_id for member in await resolve(node.bus.members(APP, "presence-far"))] == ["7"]


async def test_what_another_revurb_node_knows_of_old_nodes_is_heard(mixed: MixedCluster) -> None:
    told, other = await mixed.node(release="1.6"), await mixed.node(release="auto")
    await mixed.old_php(s_1={"pub": None})
    assert await resolve(told.bus.connections(APP)) == 1
    await mixed.everything_sent(told)
    await other.until(lambda: mixed.bridges[other]._releases.form is PhpRelease.OLD)
    assert await resolve(other.bus.connections(APP)) == 1


async def test_new_nodes_are_asked_as_soon_as_one_was_heard(
    mixed: MixedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await mixed.node(release="auto")
    php_node = await mixed.php(s_1={"pub": None})
    assert await resolve(node.bus.connections(APP)) == 0
    await php_node.publish(captured("02-event-channel-1"))
    await node.until(lambda: node.received)
    assert await resolve(node.bus.connections(APP)) == 1
    monkeypatch.setattr("revurb.bus.reverb.reverb_bridge.PHP_RETURN_S", 0.0)
    await php_node.stop()
    await node.until(lambda: mixed.bridges[node]._releases.form is None)  # forgotten with the last of them
