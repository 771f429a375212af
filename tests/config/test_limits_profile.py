"""`REVURB_LIMITS=pusher`: all of Pusher's limits at once, each behind what sets it itself."""

from __future__ import annotations

import pytest

from revurb.apps import PUSHER_LIMITS, App, AppLimits
from revurb.config.limits_profile import with_profile
from tests.config.project import Project

SWITCH = {"REVURB_LIMITS": "pusher"}


def test_without_it_there_are_none(project: Project) -> None:
    config = project.load({"REVURB_LIMITS": "reverb"})
    assert (config.apps[0].limits, config.apps[0].max_message_size_bytes) == (None, 10_000)
    assert config == project.load()
    assert with_profile(config.apps[0], "reverb") is config.apps[0]


def test_with_it_there_are_all_of_them_for_every_app(project: Project) -> None:
    project.write("revurb.toml", '[[apps]]\nid = "2"\nkey = "k"\nsecret = "s"\n')
    config = project.load(SWITCH)
    assert [(app.limits, app.max_message_size_bytes) for app in config.apps] == [(PUSHER_LIMITS, 16_384)] * 2
    assert config.limits.max_request_size_bytes == 65_536
    origin = "limits.profile = pusher, environment (REVURB_LIMITS)"
    for key in ("apps.1.max_presence_members", "apps.2.max_message_size", "limits.max_request_size_bytes"):
        assert config.provenance[key] == origin
    assert config.provenance["apps.1.ping_interval"] == "default"


def test_what_is_set_wins_also_nothing(project: Project) -> None:
    table = 'id = "2"\nkey = "k"\nsecret = "s"\nmax_user_info = 2048\nchannel_name_charset = "any"\n'
    project.write(
        "revurb.toml", f'[limits]\nprofile = "pusher"\nmax_request_size_bytes = 9\n[[apps]]\n{table}'
    )
    config = project.load({"REVURB_APP_MAX_PRESENCE_MEMBERS": "null", "REVERB_APP_MAX_MESSAGE_SIZE": "10000"})
    two, one = (app.limits for app in config.apps)
    assert one is not None
    assert two is not None
    assert (one.max_presence_members, one.max_user_info_bytes) == (None, 1024)
    assert (two.max_presence_members, two.max_user_info_bytes, two.channel_name_charset) == (100, 2048, "any")
    assert [app.max_message_size_bytes for app in config.apps] == [16_384, 10_000]
    assert config.limits.max_request_size_bytes == 9


def test_another_word_is_a_problem(project: Project) -> None:
    (problem,) = project.problems({"REVURB_LIMITS": "soketi"})
    assert problem == (
        "limits.profile: found 'soketi' in environment (REVURB_LIMITS); allowed: reverb or pusher"
    )


@pytest.mark.parametrize(("size_bytes", "then"), [(10_000, 16_384), (20_000, 20_000)])
def test_an_app_of_a_program_gets_what_it_does_not_set(size_bytes: int, then: int) -> None:
    app = App(
        id="1",
        key="k",
        secret="s",
        max_message_size_bytes=size_bytes,
        limits=AppLimits(max_presence_members=7),
    )
    limited = with_profile(app, "pusher")
    assert limited.limits == AppLimits(max_presence_members=7).or_else(PUSHER_LIMITS)
    assert limited.max_message_size_bytes == then
    assert with_profile(limited, "pusher") == limited
