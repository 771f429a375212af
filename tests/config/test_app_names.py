"""Each option of an app has its name in the environment, and one in a table."""

from __future__ import annotations

from typing import Any

import pytest

from revurb.apps import App, AppLimits, RateLimit
from revurb.config.app_options import APP_SETTINGS
from tests.config.project import APP, Project

NAMES: list[tuple[str, str, str, Any]] = [
    ("REVERB_APP_PING_INTERVAL", "20", "ping_interval", {"ping_interval_s": 20}),
    ("REVERB_APP_ACTIVITY_TIMEOUT", "20", "activity_timeout", {"activity_timeout_s": 20}),
    (
        "REVURB_APP_ALLOWED_ORIGINS",
        "a.com, *.b.com",
        "allowed_origins",
        {"allowed_origins": ("a.com", "*.b.com")},
    ),
    ("REVERB_ALLOWED_ORIGINS", "a.com", "allowed_origins", {"allowed_origins": ("a.com",)}),
    ("REVURB_APP_PREVIOUS_SECRET", "old", "previous_secret", {"previous_secret": "old"}),
    ("REVURB_APP_ENABLED", "false", "enabled", {"is_enabled": False}),
    ("REVERB_APP_MAX_MESSAGE_SIZE", "20", "max_message_size", {"max_message_size_bytes": 20}),
    ("REVERB_APP_MAX_CONNECTIONS", "20", "max_connections", {"max_connections": 20}),
    (
        "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM",
        "none",
        "accept_client_events_from",
        {"accept_client_events_from": "none"},
    ),
    (
        "REVURB_APP_MAX_CHANNELS_PER_CONNECTION",
        "20",
        "max_channels_per_connection",
        {"max_channels_per_connection": 20},
    ),
    ("REVURB_APP_MAX_HISTORY_SIZE", "20", "max_history_size", {"max_history_size_bytes": 20}),
    ("REVURB_APP_MAX_RESUMED_EVENTS", "20", "max_resumed_events", {"max_resumed_events": 20}),
    ("REVURB_APP_MAX_RESUME_SIZE", "20", "max_resume_size", {"max_resume_size_bytes": 20}),
    ("REVURB_APP_MAX_CHANNELS_PER_EVENT", "20", "max_channels_per_event", {"max_channels_per_event": 20}),
    (
        "REVURB_APP_MAX_SUBSCRIPTIONS_PER_SECOND",
        "20",
        "max_subscriptions_per_second",
        {"max_subscriptions_per_second": 20},
    ),
    (
        "REVURB_APP_USER_AUTHENTICATION_TIMEOUT",
        "20",
        "user_authentication_timeout",
        {"user_authentication_timeout_s": 20},
    ),
    (
        "REVURB_APP_SUBSCRIPTION_COUNT_EVENTS",
        "true",
        "subscription_count_events",
        {"subscription_count_events": True},
    ),
    (
        "REVURB_APP_CHANNEL_NAME_CHARSET",
        "pusher",
        "channel_name_charset",
        {"limits": AppLimits(channel_name_charset="pusher")},
    ),
    (
        "REVURB_APP_MAX_CHANNEL_NAME_LENGTH",
        "20",
        "max_channel_name_length",
        {"limits": AppLimits(max_channel_name_length=20)},
    ),
    (
        "REVURB_APP_MAX_PRESENCE_MEMBERS",
        "20",
        "max_presence_members",
        {"limits": AppLimits(max_presence_members=20)},
    ),
    (
        "REVURB_APP_MAX_USER_ID_LENGTH",
        "20",
        "max_user_id_length",
        {"limits": AppLimits(max_user_id_length=20)},
    ),
    ("REVURB_APP_MAX_USER_INFO", "20", "max_user_info", {"limits": AppLimits(max_user_info_bytes=20)}),
    (
        "REVURB_APP_MAX_EVENT_NAME_LENGTH",
        "20",
        "max_event_name_length",
        {"limits": AppLimits(max_event_name_length=20)},
    ),
    ("REVURB_APP_MAX_EVENT_DATA", "20", "max_event_data", {"limits": AppLimits(max_event_data_bytes=20)}),
    (
        "REVURB_APP_MAX_EVENTS_PER_BATCH",
        "20",
        "max_events_per_batch",
        {"limits": AppLimits(max_events_per_batch=20)},
    ),
    (
        "REVURB_APP_MAX_CLIENT_EVENTS_PER_SECOND",
        "20",
        "max_client_events_per_second",
        {"limits": AppLimits(max_client_events_per_second=20)},
    ),
    (
        "REVURB_APP_MAX_PUBLISHES_PER_SECOND",
        "20",
        "max_publishes_per_second",
        {"limits": AppLimits(max_publishes_per_second=20)},
    ),
    (
        "REVURB_APP_MAX_READS_PER_SECOND",
        "20",
        "max_reads_per_second",
        {"limits": AppLimits(max_reads_per_second=20)},
    ),
    (
        "REVURB_APP_MAX_APP_CLIENT_EVENTS_PER_SECOND",
        "20",
        "max_app_client_events_per_second",
        {"limits": AppLimits(max_app_client_events_per_second=20)},
    ),
    ("REVERB_APP_RATE_LIMITING_ENABLED", "true", "rate_limit.enabled", {"rate_limit": RateLimit()}),
    # without the limit itself its numbers mean nothing
    ("REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS", "5", "rate_limit.max_attempts", {}),
    ("REVERB_APP_RATE_LIMIT_DECAY_SECONDS", "5", "rate_limit.decay", {}),
    ("REVERB_APP_RATE_LIMIT_TERMINATE", "true", "rate_limit.terminate", {}),
]


def test_every_name_is_in_the_table() -> None:
    names = {name for setting in APP_SETTINGS for name in setting.option.names}
    assert {row[0] for row in NAMES} | set(APP) == names


@pytest.mark.parametrize("source", ["environment", ".env"])
@pytest.mark.parametrize(("name", "text", "key", "expected"), NAMES, ids=[row[0] for row in NAMES])
def test_a_name_sets_its_option(
    project: Project, source: str, name: str, text: str, key: str, expected: dict[str, Any]
) -> None:
    project.write(".env", f'{name}="{text}"\n' if source == ".env" else "")
    config = project.load({name: text} if source == "environment" else {})
    assert config.apps == (App(id="1", key="the-key", secret="hush-hush", **expected),)
    assert config.provenance[f"apps.1.{key}"] == f"{source} ({name})"
